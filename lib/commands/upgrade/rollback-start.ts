import { instanceStateOf } from '../../flux/instance.ts'
import { kinds, type KubeObject } from '../../kubernetes/objects.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { deploymentReadiness } from '../../kubernetes/readiness.ts'
import { renderChart } from '../../desired-state/render-chart.ts'
import type { Session } from '../../connection/session.ts'
import { inGitOf, type Target } from '../../connection/target.ts'
import { exactVersion } from '../../desired-state/chart.ts'
import { buildTree, type Tree } from '../../desired-state/tree.ts'
import type { VersionLines } from '../../desired-state/version-settings.ts'
import type { UpgradeNotes } from './state.ts'

/**
 * What a rollback finds, and puts back if it fails: what Git and the FluxInstance say, whether or not that ran.
 * @param seen.live the FluxInstance
 * @param seen.after the version lines that it is to change in Git
 */
export async function readStart(
  session: Session,
  target: Target,
  { tree, checkout, live, gitVersion, after }: { tree: Tree; checkout: string; live: KubeObject; gitVersion: string; after: VersionLines },
): Promise<UpgradeNotes['start']> {
  const { cluster, tools } = session
  const { remote, folder } = inGitOf(target, 'rollback')
  const { wanted, applied, components } = instanceStateOf(live)
  const lines = Object.fromEntries(Object.keys(after).map((key) => [key, tree.settings[key] ?? '']))
  const built = await buildTree(remote, tree.commit, folder, checkout, tools.kubectl, { ...lines, flux_version: wanted })
  const instance = (await renderChart(session, built.instance, gitVersion)).find(({ kind }) => kind === fluxKinds.fluxInstance.kind)
  if (instance === undefined) return undefined
  const deployments = components.map(({ name }) => ({ ...kinds.deployment, namespace: tree.namespace, name }))
  const readiness = await Promise.all(deployments.map((ref) => deploymentReadiness(cluster, ref)))
  const isSettled = applied === wanted && tree.distribution.version === wanted
  return {
    versions: { flux: wanted, operator: exactVersion(tree.operator) ?? '' },
    lines,
    instance,
    ran: isSettled && readiness.every(({ is }) => is === 'ready'),
  }
}
