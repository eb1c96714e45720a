import { readInstallation } from '../../flux/installation.ts'
import type { FluxThere } from '../../flux/installations.ts'
import { readReinstallation, type Reinstallation } from '../../flux/reinstall.ts'
import type { PrepareContext } from '../../runner/run-change.ts'
import type { Flags } from '../../terminal/flags.ts'

/** How a Flux that this project did not install comes back; undefined for one that bootstrap.ts brings. */
export async function readComesBack(
  { session, target }: Pick<PrepareContext<Flags>, 'session' | 'target'>,
  there: FluxThere,
): Promise<Reinstallation | undefined> {
  const installation = await readInstallation(session.cluster)
  if (installation.expectsOperator && target.inGit !== undefined) return undefined
  if (installation.installedBy === 'none') return undefined
  return readReinstallation(session.cluster, installation, there, target)
}
