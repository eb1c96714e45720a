import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { OperatorError } from '../../base/errors.ts'
import { projectRoot } from '../../base/paths.ts'
import { spawnTied } from '../../process/child-process.ts'
import { commandCall } from '../../process/own-module.ts'
import { scriptCall } from '../../base/shell-line.ts'

/**
 * Runs one of the project's scripts, as a person would who types the command; it finds its settings where this one did.
 * @param report receives each line it says
 * @returns what it wrote to stdout, its document with --json
 * @throws ScriptFailed where it ends with another exit code than 0, with its last words
 */
export async function callScript(
  script: string,
  args: readonly string[],
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted()
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value
  const { child, ended } = spawnTied(commandCall(script, args), { env, cwd: projectRoot })
  // To its whole group, as Ctrl-C on a terminal would: npx itself passes nothing on.
  const stop = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGINT')
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    let said: string[] = []
    const listening = (async () => {
      if (child.stderr === null) return
      for await (const line of createInterface({ input: child.stderr, crlfDelay: Infinity })) {
        if (line.trim() === '') continue
        said = [...said, line.trim()].slice(-4)
        report(line.trim())
      }
    })()
    const draining = child.stdout === null ? Promise.resolve('') : text(child.stdout)
    const code = await ended
    const [, written] = await Promise.all([listening, draining])
    signal.throwIfAborted()
    if (code === 0) return written
    throw new ScriptFailed(`${script}.ts ended with ${code}: ${said.join(' ')}`, scriptCall(script, args), written)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** That a script ended with another exit code than 0; its document may tell why. */
export class ScriptFailed extends OperatorError {
  readonly written: string
  constructor(what: string, remedy: string, written: string) {
    super(what, { remedy })
    this.written = written
  }
}
