import { OperatorError } from '../../base/errors.ts'
import type { Suspect } from '../../health/changes.ts'
import { findAllSuspects } from '../../health/loops.ts'
import { problems } from '../../health/problems.ts'
import type { Snapshot } from '../../health/snapshot.ts'
import type { PrepareContext } from '../../runner/run-change.ts'
import { nameOf } from '../../kubernetes/objects.ts'
import { createPreflight } from '../../preflight/preflight.ts'
import { once } from '../../base/once.ts'
import { readFlux } from '../../flux/installations.ts'
import { checkPendingDeletions } from '../../preflight/pending-deletions.ts'
import { prepareBootstrap } from '../bootstrap/prepare.ts'
import { type BootstrapInputs, treeLocationOf } from '../bootstrap/inputs.ts'
import { bootstrap } from '../bootstrap/bootstrap.ts'
import { returnSteps, rollBackSteps, rollbackReturn } from '../upgrade/upgrade.ts'
import { prepareUpgrade } from '../upgrade/prepare.ts'
import { checkpoint, readUpgradeState, type UpgradeState } from '../upgrade/state.ts'
import { type restoreFlags, openForRestore, type Restore } from '../restore/restore.ts'
import type { Rollback } from '../../runner/execute.ts'
import type { Step } from '../../runner/step.ts'
import { ensureFluxInstanceApplied, ensureOperator } from '../bootstrap/steps/chart.ts'
import { ensurePlainInstanceApplied } from '../bootstrap/steps/plain-instance.ts'
import { endLoop, recordedLoop } from './steps/end-loop.ts'
import { ensureFinalizersRemovedIn } from '../teardown/steps/finalizers.ts'
import { ensureInstanceFinalizerRemoved, ensureUninstallDisabled, ensureUninstallStopped } from './steps/remove-finalizers.ts'
import { ensureNamespaceGone } from '../teardown/steps/delete-namespace.ts'
import { ensureLogin, loginPlaceOf } from './steps/login.ts'
import { ensureControllersStopped } from '../teardown/steps/stop-controllers.ts'
import { settingsFile } from '../../connection/cluster-settings.ts'
import type { ClusterInGit } from '../../connection/target.ts'
import { loginWithoutTree } from './login-without-tree.ts'
import { reinstallSteps } from './steps/reinstall.ts'
import { ensureCrdFinalizersRemoved } from './steps/remove-crd-finalizers.ts'
import { readTerminatingCrds, verifyCrdFinalizers, withoutCrds } from './terminating-crds.ts'
import { RemedyNeeds } from './remedy-needs.ts'
import { asRestored } from './as-restored.ts'
import { sourcesOf } from './bringers.ts'
import type { Evidence } from './evidence.ts'
import { withoutObstacles } from './obstacles.ts'
import { awaitNamespaceGone } from './terminating-namespace.ts'
import { verifyInstanceFinalizers, verifyNamespaceFinalizers, withoutInstance, withoutNamespace } from './verify-finalizers.ts'

/** What remedies are made of. Those that take Git and the charts check them first, and throw `blocked` with all findings. */
export interface Remedies {
  readonly evidence: Evidence
  /** The folder below kubernetes/clusters. Throws `RemedyNeeds` where the tree has none for the cluster. */
  readonly clusterFolder: () => string
  /** Takes a new snapshot. */
  readonly takeSnapshot: () => Snapshot
  /** From whatever there is to a Flux that follows Git: a capture's content first, where one is given, then bootstrap. */
  readonly everything: () => Promise<readonly Step[]>
  /** The same, after Flux's namespace is gone that its objects hold; objects and workloads elsewhere stay. */
  readonly recreateNamespace: () => Promise<readonly Step[]>
  /** The same, after the deleted FluxInstance is gone without what it installed. */
  readonly recreateInstance: () => Promise<readonly Step[]>
  /** The same, after the CRDs are gone that are being deleted, without a controller that would undo what their objects deployed. */
  readonly recreateCrds: () => Promise<readonly Step[]>
  /** Installs the operator as in Git. */
  readonly operator: () => Promise<readonly Step[]>
  /** Restores the FluxInstance as in Git. */
  readonly instance: () => Promise<readonly Step[]>
  /** Rolls back the version that does not start: first in the cluster, then in Git. */
  readonly rollBack: () => Promise<readonly Step[]>
  /** Where that fails: back to what was asked for before, and what it suspended resumed. */
  readonly rollback: () => Rollback | undefined
  /** Gives Flux the login for Git: from the capture, where one is given, and from the settings. */
  readonly gitLogin: () => Promise<readonly Step[]>
  /** Restores what of Flux no object in the cluster keeps, by the program that had installed it. */
  readonly reinstall: () => Promise<readonly Step[]>
  /** Throws `blocked` where a controller that comes back would first of all undo what was deployed. */
  readonly verifyNothingPending: () => Promise<void>
  /** Suspends what runs in a circle, waits until Git is fixed, resumes. */
  readonly endLoop: () => Promise<readonly Step[]>
  /** What was found on the way that people should know before they consent. */
  readonly notices: () => readonly string[]
}

// oxlint-disable-next-line max-lines-per-function -- one set of remedies: they share what is read once
export function remediesOf(surroundings: PrepareContext<typeof restoreFlags>, evidence: Evidence, takeSnapshot: () => Snapshot): Remedies {
  const { session, target, settings, redactor, own, memory, console } = surroundings
  const notices: string[] = []
  const { namespace } = evidence
  const inGit = (): ClusterInGit => {
    if (target.inGit !== undefined) return target.inGit
    throw new RemedyNeeds(
      `it needs the cluster's folder in Git, and there is no ${settingsFile(target.context)}`,
      'create that folder as README.md says, or name it with --cluster NAME',
    )
  }
  // What checks the cluster beforehand must not find what the first steps let go.
  let seen = withoutObstacles(session.cluster, evidence.probed)
  const restore = once(async (): Promise<Restore | undefined> => {
    if (own.from === undefined) return undefined
    const opened = await openForRestore({ ...surroundings, session: { ...session, cluster: seen } })
    notices.push(...opened.notices)
    return opened
  })
  const inputs = once(async (): Promise<BootstrapInputs> => {
    const { overrides, isLab, where } = target
    const place = treeLocationOf(inGit())
    const capture = (await restore())?.capture
    const reached = { ...session, cluster: capture === undefined ? seen : asRestored(seen, capture) }
    const read = await prepareBootstrap(reached, { ...place, isLab, overrides, settings, redactor, where })
    notices.push(...read.notices)
    return read
  })
  const installAgain = async (): Promise<readonly Step[]> => {
    const [opened, read] = await Promise.all([restore(), inputs()])
    const installing = bootstrap(read, session)
    return opened === undefined ? installing : [...opened.beforeFlux, ...installing, opened.byHand]
  }
  const readBack = async (): Promise<UpgradeState> => {
    inGit()
    const read = await prepareUpgrade(session, target, {
      flux: evidence.upgrade?.from,
      operator: undefined,
      isForced: true,
      isBack: true,
      branch: undefined,
      checksImages: false, // what runs is broken already
      lockNamespace: settings.LOCK_NAMESPACE ?? 'kube-system',
    })
    notices.push(...read.notices)
    checkpoint(memory, read.notes)
    return read.notes
  }
  /** What holds definitions of Flux's kinds that are being deleted goes first, or nothing could be applied again. */
  const letCrdsGo = async (isStopped: boolean): Promise<readonly Step[]> => {
    const crds = await readTerminatingCrds(seen, isStopped)
    if (crds.length === 0) return []
    await verifyCrdFinalizers(seen, crds)
    seen = withoutCrds(seen, crds)
    return [ensureCrdFinalizersRemoved()]
  }
  let rollback: Rollback | undefined
  return {
    evidence,
    clusterFolder: () => inGit().folder,
    takeSnapshot,
    notices: () => notices,
    async everything() {
      await awaitNamespaceGone(session.cluster, namespace, console)
      return [...(await letCrdsGo(false)), ...(await installAgain())]
    },
    async recreateNamespace() {
      await verifyNamespaceFinalizers(session.cluster, namespace, settings.LOCK_NAMESPACE ?? 'kube-system')
      seen = withoutNamespace(seen, namespace)
      return [
        ensureUninstallDisabled(namespace),
        ensureControllersStopped(namespace),
        ensureFinalizersRemovedIn(namespace),
        ensureNamespaceGone(namespace),
        ...(await letCrdsGo(true)),
        ...(await installAgain()),
      ]
    },
    async recreateInstance() {
      if (evidence.instance !== undefined) await verifyInstanceFinalizers(session.cluster, evidence.instance)
      seen = withoutInstance(seen)
      return [
        ensureUninstallDisabled(namespace),
        ensureUninstallStopped(namespace),
        ensureInstanceFinalizerRemoved(namespace),
        ...(await installAgain()),
      ]
    },
    async recreateCrds() {
      return [
        ensureUninstallDisabled(namespace),
        ensureControllersStopped(namespace),
        ...(await letCrdsGo(true)),
        ...(await installAgain()),
      ]
    },
    async operator() {
      const { tree, operatorObjects } = await inputs()
      return [ensureOperator(tree.operator, operatorObjects)]
    },
    async instance() {
      const { tree, instanceObjects } = await inputs()
      const { plainInstance } = tree
      if (plainInstance !== undefined) return [ensurePlainInstanceApplied(plainInstance)]
      return [ensureFluxInstanceApplied(tree.instance, instanceObjects)]
    },
    async rollBack() {
      const stage = { script: 'recover', session, target, memory, branch: undefined }
      const notes = readUpgradeState(memory) ?? (await readBack())
      if (notes.isReturning === true) return returnSteps(stage, notes)
      let hasArrived = false
      const arrived = (): void => {
        hasArrived = true
      }
      rollback = rollbackReturn(stage, notes, () => hasArrived)
      return rollBackSteps(stage, notes, arrived)
    },
    rollback: () => rollback,
    async gitLogin() {
      if (target.inGit === undefined) return loginWithoutTree(surroundings, evidence, await restore())
      const [opened, { tree, secrets }] = await Promise.all([restore(), inputs()])
      const login = secrets.filter(({ name }) => name === tree.sync.pullSecret)
      if (opened === undefined && login.length === 0) throw noLogin(tree.sync.pullSecret)
      const place = loginPlaceOf(tree.sync.url, inGit().remote.login, session.folder)
      return [...(opened?.beforeFlux ?? []), ...login.map((secret) => ensureLogin(secret, place, redactor))]
    },
    reinstall: () => reinstallSteps(session, target, evidence.installation, takeSnapshot),
    async verifyNothingPending() {
      const preflight = createPreflight(session.cluster.signal)
      await preflight.check(async () => checkPendingDeletions(session.cluster, await readFlux(session.cluster), namespace))
      preflight.conclude()
    },
    async endLoop() {
      const recorded = recordedLoop(memory)
      const suspects = recorded === undefined ? await seenLoop(takeSnapshot(), evidence) : []
      const doers = recorded === undefined ? suspects.map(({ doer }) => doer) : recorded.changes.map(({ doer }) => doer)
      return endLoop(suspects, sourcesOf(evidence, doers.map(nameOf)))
    },
  }
}

function noLogin(secret: string): OperatorError {
  return new OperatorError(`Flux's login for Git must be recreated, and neither a login nor a capture is given. Nothing was changed`, {
    kind: 'blocked',
    remedy: `set GIT_USERNAME and GIT_PASSWORD, or GIT_SSH_KEY_FILE and GIT_KNOWN_HOSTS_FILE (.env.example); or --from a capture that contains Secret ${secret}`,
  })
}

/** Those who were seen to change something over and over. */
async function seenLoop(snapshot: Snapshot, { objects, probed }: Evidence): Promise<readonly Suspect[]> {
  const troubles = probed.find(({ id }) => id === 'loop')?.objects ?? []
  const reported = troubles.flatMap(({ object, problem }) => (problem === problems.loop ? [object] : []))
  const suspects = (await findAllSuspects(snapshot)).filter(({ object }) => reported.includes(object))
  if (suspects.length > 0 && suspects.every(({ by }) => !objects.has(by))) {
    throw new OperatorError(
      `${[...new Set(reported)].join(', ')} is changed over and over by the operator itself, which cannot be suspended alone. Nothing was changed`,
      {
        kind: 'blocked',
        remedy: 'leave it to one owner in Git: npx zx scripts/health-check.ts --only loop reports who changes it',
      },
    )
  }
  return suspects.filter(({ by }) => objects.has(by))
}
