import { execFileSync } from 'node:child_process'
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
    return undefined // ps and /proc fail for a process that is not there
  }
}
