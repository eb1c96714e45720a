import { instanceStateOf } from '../../flux/instance.ts'
import { kinds, type KubeObject } from '../../kubernetes/objects.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { deploymentReadiness } from '../../kubernetes/readiness.ts'
import { renderChart } from '../../desired-state/render-chart.ts'
import type { Session } from '../../connection/session.ts'
import { exactVersion } from '../../desired-state/chart.ts'
import { buildTree, type Tree } from '../../desired-state/tree.ts'
import type { VersionLines } from '../../desired-state/version-settings.ts'
import type { UpgradeState } from './state.ts'

/** A checkout of this project's tree, and the Kubernetes that its charts are rendered for. */
interface BuiltTree {
  readonly tree: Tree
  readonly checkout: string
  readonly gitVersion: string
}

/** The FluxInstance as the chart makes it of other version lines; undefined where the chart makes none. */
export async function renderInstance(
  session: Session,
  { tree: { remote, commit, cluster }, checkout, gitVersion }: BuiltTree,
  lines: VersionLines,
): Promise<KubeObject | undefined> {
  const built = await buildTree(remote, commit, cluster, checkout, session.tools.kubectl, lines)
  return (await renderChart(session, built.instance, gitVersion)).find(({ kind }) => kind === fluxKinds.fluxInstance.kind)
}

/**
 * What a rollback finds, and restores if it fails: what Git and the FluxInstance say, whether or not that ran.
 * @param live the FluxInstance
 * @param after the version lines that it is to change in Git
 */
export async function readStart(session: Session, built: BuiltTree, live: KubeObject, after: VersionLines): Promise<UpgradeState['start']> {
  const { tree } = built
  const { wanted, applied, components } = instanceStateOf(live)
  const lines = Object.fromEntries(Object.keys(after).map((key) => [key, tree.settings[key] ?? '']))
  const instance = await renderInstance(session, built, { ...lines, flux_version: wanted })
  if (instance === undefined) return undefined
  const deployments = components.map(({ name }) => ({ ...kinds.deployment, namespace: tree.namespace, name }))
  const readiness = await Promise.all(deployments.map((ref) => deploymentReadiness(session.cluster, ref)))
  const isSettled = applied === wanted && tree.distribution.version === wanted
  return {
    versions: { flux: wanted, operator: exactVersion(tree.operator) ?? '' },
    lines,
    instance,
    ran: isSettled && readiness.every(({ is }) => is === 'ready'),
  }
}
