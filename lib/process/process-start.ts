import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'

const bootId = '/proc/sys/kernel/random/boot_id'

/** When a process started, in whatever form the system tells it exactly; undefined where there is none, or only its remains. */
export function startOf(pid: number): string | undefined {
  try {
    if (existsSync(bootId)) {
      // After the command, which may hold anything in its parentheses: state is the first field, the start in clock ticks the twentieth.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(')').at(-1)?.trim().split(' ') ?? []
      return fields[0] === 'Z' ? undefined : `${readFileSync(bootId, 'utf8').trim()} ${fields[19]}`
    }
    const shown = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
    })
    const [state = '', ...started] = shown.trim().split(/\s+/)
    return state.startsWith('Z') ? undefined : started.join(' ')
  } catch {
    return undefined // ps and /proc fail for a process that does not exist
  }
}

/** A name for a process that no other has on this machine, not even after a restart; undefined where it does not run. */
export function nonceOf(pid: number): string | undefined {
  const start = startOf(pid)
  return start === undefined ? undefined : `${pid}-${createHash('sha256').update(start).digest('hex').slice(0, 12)}`
}

/** The name of this process: on the lock that it holds, and on each of its requests in the API server's audit log. */
export const thisProcess = nonceOf(process.pid) ?? `${process.pid}-unknown`

/** Whether the process of that name still runs on this machine. */
export function isRunning(nonce: string): boolean {
  const pid = Number(/^(\d+)-/.exec(nonce)?.[1] ?? 0)
  return pid > 0 && nonceOf(pid) === nonce
}
