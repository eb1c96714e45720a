import module from 'node:module'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { ensureOwnFolder, forPrograms } from '../lib/base/own-folder.ts'

/**
 * Has Node keep what it compiled, where it can (Node 22.1 and newer): below the person's own cache, for others could put code of theirs into
 * a temporary folder. Where that cannot be written, as on a read-only file system, nothing is kept.
 */
export function keepCompiled(): void {
  const cache = process.env.XDG_CACHE_HOME ?? ''
  const home = isAbsolute(cache) ? cache : join(homedir(), '.cache')
  try {
    ensureOwnFolder(join(home, 'flux-runbook'), forPrograms)
  } catch {
    return // what another user compiled is not run
  }
  const enable: unknown = Reflect.get(module, 'enableCompileCache')
  if (typeof enable === 'function') Reflect.apply(enable, module, [join(home, 'flux-runbook', 'compiled')])
}
