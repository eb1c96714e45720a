import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fluxKinds } from '../../../flux/kinds.ts'
import { checkOut, headOf } from '../../../tools/git.ts'
import { checkApiServices } from '../../../preflight/api-services.ts'
import { blocks, createPreflight, type Finding } from '../../../preflight/preflight.ts'
import { listFluxCrds } from '../../../flux/crds.ts'
import { once } from '../../../base/once.ts'
import { readFlux } from '../../../flux/installations.ts'
import { checkPendingDeletions } from '../../../preflight/pending-deletions.ts'
import { checkStackSecrets, usualSecrets } from '../checks/stack-secrets.ts'
import { checkStackState } from '../checks/stack-state.ts'
import { checkCrdsStay, checkNamespaceStays } from '../../../preflight/terminating.ts'
import type { BootstrapRequest } from '../inputs.ts'
import { buildAndPreview } from '../pulumi-preview.ts'
import { openStack } from '../pulumi-stack.ts'
import { readTakeOverByPulumi, refuseBesideOperator } from '../take-over/by-pulumi.ts'
import type { Session } from '../../../connection/session.ts'
import { pulumiUp, wasInterrupted } from '../steps/pulumi-up.ts'
import { ensureSynced } from '../steps/sync.ts'
import { verifyControllers } from '../steps/verify-controllers.ts'
import { buildFolder } from '../../../desired-state/tree.ts'
import type { BootstrapInstaller } from './installer.ts'
import { usualNamespace } from '../../../flux/refs.ts'

/** Where the component of pulumi/ puts Flux, and what it calls source and root Kustomization. */
const namespace = usualNamespace
const syncName = usualNamespace

/** A stack of the person's own, whose program installs Flux' community chart and points it at Git (pulumi/flux-bootstrap.ts). */
export const pulumiInstaller: BootstrapInstaller = {
  async prepare(session, wanted, { console, isDryRun, memory }) {
    const { cluster, access, tools } = session
    const { remote, settings, where } = wanted
    const stack = await openStack(session, settings)
    const preflight = createPreflight(cluster.signal)
    const flux = once(() => readFlux(cluster))
    const commit = await preflight.learn(() => headOf(remote, cluster.signal))
    const request = wanted.takeOver === 'expected' ? undefined : wanted.takeOver
    const taking = await preflight.learn(async () =>
      request?.isAsked === true ? readTakeOverByPulumi(cluster, await flux(), { namespace, syncName, request }) : undefined,
    )
    await preflight.check(
      async () =>
        taking?.findings ??
        refuseBesideOperator(await flux(), request?.command ?? `npx zx scripts/bootstrap.ts ${where} --via pulumi --take-over`),
      () => (commit === undefined ? [] : checkNoInstanceInGit(session, wanted, commit)),
      () => checkStackSecrets(stack, settings.PULUMI_SECRETS ?? usualSecrets),
      () => checkStackState(stack, session.uid, wasInterrupted(memory)),
      // A rebuild takes down itself what is there, and may be resumed in the middle of that.
      ...(wanted.rebuild === undefined
        ? [
            () => checkNamespaceStays(cluster, namespace, where),
            async () => checkPendingDeletions(cluster, await flux(), namespace),
            async () => checkCrdsStay(cluster, await listFluxCrds(cluster)),
          ]
        : []),
      () => checkApiServices(cluster, 'notice'),
    )
    const notices = preflight.conclude()
    if (commit === undefined) throw preflight.blocked()

    const { objects, ...built } = await buildAndPreview(stack, settings.PULUMI_BUILD, { console, isDryRun })
    console.faint(`  the whole: ${stack.typed('preview --diff --refresh')}`)
    const judged = createPreflight(cluster.signal)
    await judged.check(() => taking?.judge(objects) ?? [])
    const steps = [
      ...(taking?.before ?? []),
      pulumiUp(stack),
      ...(taking?.after ?? []),
      ensureSynced({ namespace, syncName, commit, remote }),
      verifyControllers(namespace, access, tools.flux),
      ...(taking?.prove ?? []),
    ]
    const more = taking === undefined ? {} : { report: taking.report, next: taking.nextOf(objects) }
    return { steps, commit, notices: [...notices, ...built.notices, ...judged.conclude()], ...more }
  },
}

/** The same fight would begin as soon as Flux had applied Git's FluxInstance. */
async function checkNoInstanceInGit(
  { tools, folder, cluster }: Session,
  { remote, cluster: name }: BootstrapRequest,
  commit: string,
): Promise<Finding[]> {
  const checkout = join(folder(), 'pulumi-tree')
  await mkdir(checkout)
  await checkOut(remote, commit, 'kubernetes', checkout, cluster.signal)
  const where = `kubernetes/clusters/${name} at ${commit.slice(0, 12)}`
  const objects = await buildFolder(checkout, `kubernetes/clusters/${name}`, tools.kubectl, where)
  const instance = objects.find(
    ({ kind, metadata }) => kind === fluxKinds.kustomization.kind && metadata.name === `${name}-gitops-flux-instance`,
  )
  if (instance === undefined) return []
  return [
    blocks(
      `${where} contains a FluxInstance (Kustomization ${instance.metadata.name}), which would take Flux over from Pulumi`,
      `omit --via pulumi; or remove that Kustomization and ${name}-gitops-flux-operator from Git, and push`,
    ),
  ]
}
