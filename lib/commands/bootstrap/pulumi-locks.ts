import { readdir, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, join, resolve } from 'node:path'
import * as v from 'valibot'
import { expandHome } from '../../base/paths.ts'
import { startOf } from '../../process/process-start.ts'

/** Who holds a stack's lock. */
export interface PulumiLockHolder {
  readonly who: string
  /** Its process was on this machine, and is gone: the lock protects no work. */
  readonly isGone: boolean
}

/** Who holds the lock of which Pulumi says that the stack is locked by it: `created by ada@laptop (pid 4711) at …`; none of another failure. */
export function holdersIn(message: string): PulumiLockHolder[] {
  return [...message.matchAll(/created by (\S{1,255})@(\S{1,255}) \(pid (\d+)\)/g)].map(([, user = '', host = '', pid = '']) =>
    lockHolderOf(user, host, Number(pid)),
  )
}

/** The holder that a lock names. */
export function lockHolderOf(user: string, host: string, pid: number): PulumiLockHolder {
  return { who: `${user}@${host}, process ${pid}`, isGone: host === hostname() && startOf(pid) === undefined }
}

const lockSchema = v.pipe(v.string(), v.parseJson(), v.object({ pid: v.number(), username: v.string(), hostname: v.string() }))

/**
 * The locks of a stack in a backend that is a folder: `.pulumi/locks/organization/PROJECT/STACK/*.json`. No other tells before it is asked for
 * the lock.
 * @param project the project's folder, from which Pulumi takes a relative backend
 */
export async function readLocks(backend: string | undefined, stack: string, project: string): Promise<PulumiLockHolder[]> {
  const root = backendFolder(backend, project)
  if (root === undefined) return []
  const own = (await filesIn(join(root, 'locks'))).filter(
    (entry) => entry.isFile() && entry.name.endsWith('.json') && basename(entry.parentPath) === basename(stack),
  )
  return Promise.all(
    own.map(async (entry) => {
      const { pid, username, hostname: host } = v.parse(lockSchema, await readFile(join(entry.parentPath, entry.name), 'utf8'))
      return lockHolderOf(username, host, pid)
    }),
  )
}

/** The folder `.pulumi` of a backend that is a folder; undefined of any other. */
function backendFolder(backend: string | undefined, project: string): string | undefined {
  const scheme = 'file://'
  if (backend?.startsWith(scheme) !== true) return undefined
  const [path = ''] = backend.slice(scheme.length).split('?')
  const folder = decodeURI(path)
  return join(folder.startsWith('~/') ? expandHome(folder) : resolve(project, folder), '.pulumi')
}

/**
 * The file with the state of a stack, in a backend that is a folder: Pulumi keeps the state before the last change beside it, with `.bak`
 * after the name. Undefined where there is no such copy.
 */
export async function stateFile(backend: string | undefined, stack: string, project: string): Promise<string | undefined> {
  const root = backendFolder(backend, project)
  if (root === undefined) return undefined
  const copy = (await filesIn(join(root, 'stacks'))).find((entry) => entry.name === `${basename(stack)}.json.bak`)
  return copy === undefined ? undefined : join(copy.parentPath, `${basename(stack)}.json`)
}

/** None of a folder that does not exist: nobody has ever held a lock. */
async function filesIn(root: string) {
  try {
    return await readdir(root, { recursive: true, withFileTypes: true })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
