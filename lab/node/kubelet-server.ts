import { X509Certificate } from 'node:crypto'
import { on, once } from 'node:events'
import { watch } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { TLSSocket } from 'node:tls'
import { messageOf } from '../../lib/base/errors.ts'
import { listenAnywhere } from '../ports.ts'

/** A container's output: where it is, until when it grows, and why there is none. */
export interface Log {
  readonly file: string
  readonly over: AbortSignal
}

/** Finds a container's log; a string says why there is none. */
export type FindLog = (namespace: string, pod: string, container: string, previous: boolean) => Log | string

const blockSize = 64 * 1024
const newline = 0x0a

export interface KubeletServer {
  readonly port: number
  readonly close: () => void
}

/**
 * Serves `kubectl logs`, and nothing else, to the API server: anyone who asks must hold the key of this very certificate, which the API
 * server is given as its kubelet client certificate.
 */
export async function startKubeletServer(certificate: { cert: string; key: string }, findLog: FindLog): Promise<KubeletServer> {
  const own = new X509Certificate(certificate.cert).fingerprint256
  const server = createServer({ ...certificate, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    // The handshake has proved that the peer holds the key of the certificate it sent; that it is ours is compared here.
    const { socket } = request
    const peer = socket instanceof TLSSocket ? socket.getPeerCertificate().fingerprint256 : undefined
    if (peer !== own) return refuse(response, 401, 'only the API server of this cluster may ask')
    const url = new URL(request.url ?? '/', 'https://localhost')
    const [, what, namespace, pod, container] = url.pathname.split('/').map(decodeURIComponent)
    if (request.method !== 'GET' || what !== 'containerLogs' || namespace === undefined || pod === undefined || container === undefined) {
      return refuse(response, 404, "the lab's node has no containers to enter or to reach: it serves logs only")
    }
    const log = findLog(namespace, pod, container, url.searchParams.get('previous') === 'true')
    if (typeof log === 'string') return refuse(response, 400, log)
    sendLog(log, url.searchParams, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy()
      else refuse(response, 500, messageOf(error))
    })
  })
  return {
    port: await listenAnywhere(server),
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function refuse(response: ServerResponse, status: number, why: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(`${why}\n`)
}

async function sendLog(log: Log, query: URLSearchParams, response: ServerResponse): Promise<void> {
  const file = await open(log.file) // open throughout: the next run moves the file away
  const changes = watch(log.file)
  try {
    const tail = query.get('tailLines')
    let at = tail === null ? 0 : await tailStart(file, Number(tail))
    const end = Number(query.get('limitBytes') ?? Number.POSITIVE_INFINITY) + at
    const sendRest = async (): Promise<void> => {
      for await (const chunk of chunksFrom(file, at, end)) {
        at += chunk.length
        if (!response.write(chunk)) await Promise.race([once(response, 'drain'), once(response, 'close')])
      }
    }
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.flushHeaders()
    await sendRest()
    if (query.get('follow') === 'true') {
      const left = new AbortController()
      response.once('close', () => left.abort())
      const signal = AbortSignal.any([log.over, left.signal])
      try {
        for await (const _ of on(changes, 'change', { signal })) await sendRest()
      } catch (error) {
        if (!signal.aborted) throw error
      }
      await sendRest()
    }
    response.end()
  } finally {
    changes.close()
    await file.close()
  }
}

async function* chunksFrom(file: FileHandle, start: number, end: number): AsyncGenerator<Buffer, void, void> {
  for (let at = start; at < end;) {
    const chunk = Buffer.alloc(Math.min(blockSize, end - at))
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at)
    if (bytesRead === 0) return
    at += bytesRead
    yield chunk.subarray(0, bytesRead)
  }
}

/** Where the last `lines` lines of a file begin: it is read backwards, block by block. */
export async function tailStart(file: FileHandle, lines: number): Promise<number> {
  const { size } = await file.stat()
  if (lines <= 0) return size
  let wanted = lines
  for (let end = size; end > 0; end -= blockSize) {
    const start = Math.max(0, end - blockSize)
    const block = Buffer.alloc(end - start)
    await file.read(block, 0, block.length, start)
    // The newline that ends the last line begins no line.
    for (let at = block.length - 1; at >= 0; at--) {
      if (block[at] === newline && start + at !== size - 1 && --wanted <= 0) return start + at + 1
    }
  }
  return 0
}
