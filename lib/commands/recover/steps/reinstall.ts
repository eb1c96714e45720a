import { counted } from '../../../base/counted.ts'
import type { Session } from '../../../connection/session.ts'
import type { Target } from '../../../connection/target.ts'
import { unavailableOf } from '../../../flux/components.ts'
import type { Installation } from '../../../flux/installation.ts'
import { readFlux } from '../../../flux/installations.ts'
import { reachFlags, readCliFlags, readReinstallation } from '../../../flux/reinstall.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { parseObjects } from '../../../kubernetes/manifest.ts'
import { kinds, type KubeObject, nameOf, refOf } from '../../../kubernetes/objects.ts'
import { complaintOf, shell } from '../../../process/command.ts'
import { OperatorError } from '../../../base/errors.ts'
import { printable } from '../../../base/shell-line.ts'
import type { Step } from '../../../runner/step.ts'
import { partsOf } from '../../../health/parts.ts'
import { crds } from '../../../health/probes/crds.ts'
import { inventory } from '../../../health/probes/inventory.ts'
import type { Snapshot } from '../../../health/snapshot.ts'
import { RemedyNeeds } from '../remedy-needs.ts'

/**
 * Has the flux CLI install again what it had installed: what is there it finds unchanged, and what is missing it makes.
 * @param look reads the snapshot again
 * @throws RemedyNeeds with the command to type, where it was another program, or the flux CLI does not exist
 */
export async function reinstallSteps(
  session: Session,
  target: Target,
  installation: Installation,
  takeSnapshot: () => Snapshot,
): Promise<readonly Step[]> {
  const { cluster, tools } = session
  const there = await readFlux(cluster)
  const { installedBy } = installation
  const { by, commands } = await readReinstallation(cluster, installation, there, target)
  if (installedBy !== 'cli') throw new RemedyNeeds(`Flux was installed by ${by}, which recreates what is missing`, commands.join('; '))
  if (tools.flux === undefined) throw new RemedyNeeds('it needs the flux CLI, which is not on PATH', 'install flux, then: the same command')
  return [ensureReinstalled(session, installation, await readCliFlags(cluster, installation, there), target, takeSnapshot)]
}

/** What is gone of what Flux consists of and no object in the cluster keeps: only its installer recreates it. */
export async function missingByHand(snapshot: Snapshot): Promise<string[]> {
  const [parts, { objects = [] }] = await Promise.all([partsOf(snapshot), inventory.check(snapshot)])
  const byHand = new Set(parts.flatMap(({ ref, keeper }) => (keeper.is === 'person' ? [nameOf(ref)] : [])))
  return objects.flatMap(({ object, damage }) => (damage === 'part-gone' && byHand.has(object) ? [object] : []))
}

async function missingCrds(snapshot: Snapshot): Promise<string[]> {
  const { objects = [] } = await crds.check(snapshot)
  return objects.flatMap(({ object, damage }) => (damage === 'crd-gone' ? [object] : []))
}

function ensureReinstalled(
  { access, tools }: Session,
  { namespace, components, follows }: Installation,
  flags: readonly string[],
  target: Target,
  snapshot: () => Snapshot,
): Step {
  // `flux install` refuses to run where flux bootstrap has been (flux2 cmd/flux/install.go); what Git says follows once there are controllers.
  const isBootstrapped = follows?.appliesItself === true
  const created = `${printable(['flux', 'install', '--export', ...flags])} | kubectl apply --server-side --field-manager=flux --filename -`
  const commands = [isBootstrapped ? created : printable(['flux', 'install', ...flags, ...reachFlags(target)])]
  const refs = components.map((name) => ({ ...kinds.deployment, namespace, name }))
  return {
    id: 'controllers',
    title: 'Have the flux CLI reinstall what is missing',
    risk: 'change',
    async check({ cluster }) {
      const live = await Promise.all(refs.map((ref) => cluster.get(ref)))
      const controllers = refs.filter((_, at) => live[at] === undefined).map(({ name }) => name)
      const now = snapshot()
      const missing = [...controllers, ...(await missingCrds(now)), ...(await missingByHand(now))]
      if (missing.length > 0) return { is: 'todo', change: `install what is missing: ${missing.join(', ')}`, commands }
      const waiting = await unavailableOf(cluster, refs)
      return waiting.length === 0
        ? { is: 'done', detail: `${counted(components.length, 'controller')} available` }
        : { is: 'waiting', on: waiting.join(', ') }
    },
    async apply({ cluster, timeout, signal }) {
      const how = isBootstrapped ? ['--export'] : [`--context=${access.context}`, `--timeout=${Math.ceil(timeout / 1000)}s`]
      const { flux = 'flux' } = tools
      const ended = await shell(access.env, { signal })`${flux} install ${how} ${flags}`.catch((error: unknown) => {
        throw new OperatorError(`flux install failed: ${complaintOf(error)}`, { remedy: commands.join('; ') })
      })
      if (isBootstrapped) await createMissing(cluster, parseObjects(ended.stdout))
    },
    watches: [kinds.deployment, kinds.pod].map((kind) => ({ kind, query: { namespace } })),
  }
}

/** Creates what does not exist, as the flux CLI would; what exists stays as in Git. */
async function createMissing(cluster: Cluster, objects: readonly KubeObject[]): Promise<void> {
  for (const object of objects) {
    if ((await cluster.get(refOf(object))) === undefined) await cluster.apply(object, { manager: 'flux' })
  }
}
