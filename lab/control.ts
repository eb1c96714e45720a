import { createServer, type Server } from 'node:http'
import { createInterface } from 'node:readline'
import { Pool } from 'undici'
import * as v from 'valibot'
import { messageOf, OperatorError } from '../lib/base/errors.ts'

const text = v.string()

/** Where the lab's executables are, and what they are (see build.ts). */
const executablesSchema = v.object({
  bin: text,
  controlPlane: text,
  kubectl: text,
  helm: text,
  flux: text,
  images: v.pipe(v.array(v.object({ image: text, tag: text, path: text, version: v.exactOptional(text) })), v.readonly()),
  operatorConfig: text,
  operatorVersion: text,
})

const commandSchema = v.variant('do', [
  v.object({ do: v.literal('status') }),
  v.object({
    do: v.literal('up'),
    clusters: v.array(text),
    executables: executablesSchema,
    helm: v.optional(text),
    kubectl: v.optional(text),
  }),
  v.object({ do: v.literal('down') }),
  v.object({ do: v.literal('fault-set'), fault: text }),
  v.object({ do: v.literal('fault-clear'), fault: v.optional(text) }),
  v.object({ do: v.literal('snapshot'), name: text }),
  v.object({ do: v.literal('reset'), name: text }),
  v.object({ do: v.literal('wipe'), cluster: text }),
])

/** What the supervisor of a lab can be asked for. */
export type SupervisorCommand = v.InferOutput<typeof commandSchema>

/** One line of an answer: what is being done, and at the end the result or why there is none. */
const lineSchema = v.variant('is', [
  v.object({ is: v.literal('progress'), text }),
  v.object({ is: v.literal('result'), result: v.optional(v.unknown()) }),
  v.object({ is: v.literal('failure'), what: text, kind: v.picklist(['failed', 'usage', 'blocked']), remedy: v.optional(text) }),
])
type Line = v.InferOutput<typeof lineSchema>

/** A server for a unix socket that carries out commands; their answers grow line by line. */
export function createControl(carryOut: (command: SupervisorCommand, say: (text: string) => void) => Promise<unknown>): Server {
  return createServer((request, response) => {
    const write = (line: Line): void => void response.write(`${JSON.stringify(line)}\n`)
    const answer = async (): Promise<void> => {
      let body = ''
      for await (const chunk of request.setEncoding('utf8')) body += String(chunk)
      const command = v.parse(v.pipe(v.string(), v.parseJson(), commandSchema), body)
      response.writeHead(200, { 'content-type': 'application/x-ndjson', connection: 'close' })
      write({ is: 'result', result: await carryOut(command, (progress) => write({ is: 'progress', text: progress })) })
    }
    answer()
      .catch((error: unknown) => write(failureOf(error)))
      .finally(() => response.end())
  })
}

function failureOf(error: unknown): Line {
  const { kind, remedy } = error instanceof OperatorError ? error : { kind: 'failed' as const, remedy: undefined }
  const shown = kind === 'usage' || kind === 'blocked' ? kind : 'failed'
  return { is: 'failure', what: messageOf(error), kind: shown, ...(remedy === undefined ? {} : { remedy }) }
}

/** Nobody answers on the socket: there is no supervisor. */
export class NoSupervisor extends Error {
  override readonly name = 'NoSupervisor'
}

/**
 * Has the supervisor behind this socket carry out a command.
 * @param signal ends the waiting, not the command
 * @throws NoSupervisor where there is none, OperatorError where it failed
 */
export async function command(
  socketPath: string,
  wanted: SupervisorCommand,
  say: (text: string) => void = () => undefined,
  signal?: AbortSignal,
): Promise<unknown> {
  const pool = new Pool('http://localhost', { socketPath, connections: 1, headersTimeout: 0, bodyTimeout: 0 })
  const leave = (): void => void pool.destroy()
  signal?.addEventListener('abort', leave)
  try {
    const response = await pool.request({ method: 'POST', path: '/', body: JSON.stringify(wanted) }).catch((cause: unknown) => {
      signal?.throwIfAborted()
      throw new NoSupervisor('the lab is not up', { cause })
    })
    const { body } = response
    const lines = createInterface({ input: body, crlfDelay: Infinity })
    body.on('error', () => lines.close()) // the end of the loop says it
    for await (const line of lines) {
      const read = v.parse(v.pipe(v.string(), v.parseJson(), lineSchema), line)
      if (read.is === 'result') return read.result
      if (read.is === 'progress') say(read.text)
      else throw new OperatorError(read.what, { kind: read.kind, ...(read.remedy === undefined ? {} : { remedy: read.remedy }) })
    }
    signal?.throwIfAborted()
    throw new OperatorError(`the lab's supervisor died during "${wanted.do}"`, { remedy: 'npx zx scripts/lab.ts logs supervisor' })
  } finally {
    signal?.removeEventListener('abort', leave)
    await pool.destroy()
  }
}
