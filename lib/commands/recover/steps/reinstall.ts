import { counted } from '../../../base/counted.ts'
import type { Session } from '../../../connection/session.ts'
import type { Target } from '../../../connection/target.ts'
import { unavailableOf } from '../../../flux/components.ts'
import type { Installation } from '../../../flux/installation.ts'
import { readFlux } from '../../../flux/installations.ts'
import { reachFlags, readCliFlags, readReinstallation, written } from '../../../flux/reinstall.ts'
import { kinds } from '../../../kubernetes/objects.ts'
import { complaintOf, shell } from '../../../process/command.ts'
import { OperatorError } from '../../../base/errors.ts'
import type { Step } from '../../../runner/step.ts'
import { RemedyNeeds } from '../remedy-needs.ts'

/**
 * Has the flux CLI install again what it had installed: what is there it finds unchanged, and what is missing it makes.
 * @throws RemedyNeeds with the command to type, where it was another program, or the flux CLI is not there
 */
export async function reinstallSteps(session: Session, target: Target, installation: Installation): Promise<readonly Step[]> {
  const { cluster, tools } = session
  const there = await readFlux(cluster)
  const { installedBy } = installation
  const { by, commands } = await readReinstallation(cluster, installation, there, target)
  if (installedBy !== 'cli') throw new RemedyNeeds(`Flux was installed by ${by}, which puts back what is missing`, commands.join('; '))
  if (tools.flux === undefined) throw new RemedyNeeds('it takes the flux CLI, which is not on PATH', 'install flux, then: the same command')
  return [ensureReinstalled(session, installation, await readCliFlags(cluster, installation, there), target)]
}

function ensureReinstalled(
  { access, tools }: Session,
  { namespace, components }: Installation,
  flags: readonly string[],
  target: Target,
): Step {
  const commands = [written(['flux', 'install', ...flags, ...reachFlags(target)])]
  const refs = components.map((name) => ({ ...kinds.deployment, namespace, name }))
  return {
    id: 'controllers',
    title: 'Have the flux CLI reinstall the controllers',
    risk: 'change',
    async check({ cluster }) {
      const live = await Promise.all(refs.map((ref) => cluster.get(ref)))
      const missing = refs.filter((_, at) => live[at] === undefined).map(({ name }) => name)
      if (missing.length > 0) return { is: 'todo', change: `install what is missing: ${missing.join(', ')}`, commands }
      const waiting = await unavailableOf(cluster, refs)
      return waiting.length === 0
        ? { is: 'done', detail: `${counted(components.length, 'controller')} available` }
        : { is: 'waiting', on: waiting.join(', ') }
    },
    async apply({ timeout, signal }) {
      const limit = `--timeout=${Math.ceil(timeout / 1000)}s`
      const { flux = 'flux' } = tools
      await shell(access.env, { signal })`${flux} install --context=${access.context} ${flags} ${limit}`.catch((error: unknown) => {
        throw new OperatorError(`flux install failed: ${complaintOf(error)}`, { remedy: commands.join('; ') })
      })
    },
    watches: [kinds.deployment, kinds.pod].map((kind) => ({ kind, query: { namespace } })),
  }
}
