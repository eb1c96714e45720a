import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { spawnTied } from './child-process.ts'
import { directCall } from './own-module.ts'
import { startOf } from './process-start.ts'

/** One of this project's scripts that runs as a child of this process, and cannot outlive it. */
export interface OwnScript {
  readonly pid: number
  /** When its process started: its pid alone may be given to another. */
  readonly started: string
  readonly kill: (signal: NodeJS.Signals) => void
  /** Resolves when it has ended and everything that it said was heard; rejects when it could not be started. */
  readonly ended: Promise<{ readonly end: number | NodeJS.Signals; readonly stdout: string }>
}

/**
 * Starts a script as a person would who types the command in the same folder; it finds its settings where this process did.
 * @param hear is given each line of its stderr
 */
export function startOwnScript(script: string, args: readonly string[], hear: (line: string) => void): OwnScript {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value
  const { child, ended } = spawnTied(directCall(script, args), { env })
  const listening = (async () => {
    if (child.stderr === null) return
    for await (const line of createInterface({ input: child.stderr, crlfDelay: Infinity })) if (line.trim() !== '') hear(line)
  })()
  const stdout = child.stdout === null ? Promise.resolve('') : text(child.stdout)
  const pid = child.pid ?? 0
  return {
    pid,
    started: startOf(pid) ?? '',
    kill: (signal) => void child.kill(signal),
    ended: Promise.all([ended, stdout, listening]).then(([end, said]) => ({ end, stdout: said })),
  }
}
