import { join } from 'node:path'
import { OperatorError } from '../base/errors.ts'
import { showDuration } from '../base/duration.ts'
import type { Access } from './kubeconfig.ts'
import { canAsk } from '../terminal/prompt.ts'
import { descendantsOf, spawnTied } from '../process/child-process.ts'
import { type Endpoint, socketEndpoint } from '../kubernetes/transport.ts'

/** What kubectl logs of itself, as `E1125 00:12:03.1 …`, and not what a login program says. */
const ownWords = /^[IWEF]\d{4} /

/** What is kept of its last words, in characters. */
const longestSaid = 2000

/** It serves within a second; only its first request may ask questions. */
const longest = 30_000

export interface Proxy {
  readonly endpoint: Endpoint
  readonly close: () => Promise<void>
}

/**
 * Starts `kubectl proxy` on a socket in the folder, which only this person can open. kubectl does the login, whatever its kind: a login
 * program may ask its questions on the terminal, at the first request and whenever its token has run out. The proxy is an open door with
 * the person's rights: it and the whole folder go with this process, kill -9 included.
 */
export async function openProxy(
  access: Access,
  folder: string,
  { signal, patience = longest }: { signal?: AbortSignal; patience?: number } = {},
): Promise<Proxy> {
  const socket = join(folder, 'api.sock')
  const command = [access.kubectl, 'proxy', `--context=${access.context}`, `--unix-socket=${socket}`]
  const asks = access.login !== undefined && access.login.asks !== 'never' && canAsk()
  const { child, ended } = spawnTied(command, { env: access.env, leftover: folder, readsTerminal: asks })
  let said = ''
  const serving = new Promise<boolean>((resolve) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('Starting to serve')) resolve(true)
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      const text = chunk.toString()
      const all = `${said}${text}`
      said = all.length > longestSaid ? `…${all.slice(1 - longestSaid)}` : all // the redactor knows the mark
      if (asks && !ownWords.test(text)) process.stderr.write(text)
    })
    child.once('exit', () => resolve(false))
    child.once('error', () => resolve(false))
  })
  const give = (why: string) => (): void => {
    said += why
    child.kill('SIGKILL')
  }
  const stop = give('stopped')
  const timer = setTimeout(give(`it said nothing for ${showDuration(patience)}`), patience)
  signal?.addEventListener('abort', stop, { once: true })
  const isServing = await serving
  clearTimeout(timer)
  signal?.removeEventListener('abort', stop)
  signal?.throwIfAborted()
  if (!isServing) {
    throw new OperatorError(`kubectl proxy did not start for context ${access.context}: ${said.trim()}`, {
      kind: 'blocked',
      remedy: `kubectl --context ${access.context} get --raw /version`,
    })
  }
  const endpoint = socketEndpoint(socket)
  return {
    endpoint,
    async close() {
      endpoint.close()
      // With what it has started: a login program that still asks would continue to read what is typed.
      const asking = asks && child.pid !== undefined && child.exitCode === null ? descendantsOf(child.pid) : []
      child.kill()
      for (const pid of asking) endIfThere(pid)
      await ended
    },
  }
}

function endIfThere(pid: number): void {
  try {
    process.kill(pid)
  } catch {
    // it has ended by itself
  }
}
