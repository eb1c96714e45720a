import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { projectRoot } from '../lib/base/paths.ts'

/** Where a lab keeps what is its own, such as its clusters' data and logs: FLUX_LAB_HOME, else `.lab` in the repository. */
export function labHome(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(env.FLUX_LAB_HOME || join(projectRoot, '.lab'))
}

/** Where the executables are kept: all labs of a person share them. */
export function executablesHome(env: NodeJS.ProcessEnv = process.env): string {
  const cache = env.XDG_CACHE_HOME ?? ''
  // The XDG specification wants a relative path ignored.
  return join(isAbsolute(cache) ? cache : join(env.HOME || homedir(), '.cache'), 'flux-runbook', 'lab')
}
