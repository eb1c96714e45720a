import { kinds } from '../cluster/objects.ts'
import { OperatorError } from '../errors.ts'
import { findChanging } from '../health/changes.ts'
import type { Scene } from '../health/scene.ts'
import type { Surroundings } from '../operate.ts'
import { once } from '../preflight/once.ts'
import { type BootstrapInputs, prepareBootstrap } from '../procedures/bootstrap-inputs.ts'
import { bootstrap } from '../procedures/bootstrap.ts'
import { rollBackSteps } from '../procedures/upgrade.ts'
import { prepareUpgrade } from '../procedures/upgrade-inputs.ts'
import { note, readNotes } from '../procedures/upgrade-notes.ts'
import { type flags as restoreFlags, openForRestore, type Restore } from '../procedures/restore.ts'
import type { Step } from '../step.ts'
import { ensureFluxInstance, ensureOperator } from '../steps/chart.ts'
import { endLoop, type Loop, rememberedLoop } from '../steps/end-loop.ts'
import { ensureSecret } from '../steps/secret.ts'
import { asRestored } from './as-restored.ts'
import type { Evidence } from './evidence.ts'
import { awaitNamespaceGone } from './going-namespace.ts'

/** What remedies are made of. Those that take Git and the charts look at them first, and throw `blocked` with all findings. */
export interface Means {
  readonly evidence: Evidence
  /** The folder below kubernetes/clusters. */
  readonly clusterFolder: string
  /** Sets the scene anew. */
  readonly look: () => Scene
  /** From whatever there is to a Flux that follows Git: a capture's content first, where one is given, then bootstrap. */
  readonly everything: () => Promise<readonly Step[]>
  /** Puts the operator there, as Git has it. */
  readonly operator: () => Promise<readonly Step[]>
  /** Puts the FluxInstance back as Git has it, and waits for it. */
  readonly instance: () => Promise<readonly Step[]>
  /** Takes the version that does not come to run back: first in the cluster, then in Git. */
  readonly rollBack: () => Promise<readonly Step[]>
  /** Gives Flux the login for Git: from the capture, where one is given, and from the settings. */
  readonly gitLogin: () => Promise<readonly Step[]>
  /** Suspends what runs in a circle, waits until Git is mended, resumes. */
  readonly endLoop: () => Promise<readonly Step[]>
  /** What was found on the way that people should know before they consent. */
  readonly notices: () => readonly string[]
}

export function meansOf(surroundings: Surroundings<typeof restoreFlags>, evidence: Evidence, look: () => Scene): Means {
  const { session, target, settings, redactor, own, memory, console } = surroundings
  const notices: string[] = []
  const restore = once(async (): Promise<Restore | undefined> => {
    if (own.from === undefined) return undefined
    const opened = await openForRestore(surroundings)
    notices.push(...opened.notices)
    return opened
  })
  const inputs = once(async (): Promise<BootstrapInputs> => {
    const { folder: cluster, remote, overrides, isLab } = target
    const capture = (await restore())?.capture
    const reached = capture === undefined ? session : { ...session, cluster: asRestored(session.cluster, capture) }
    const read = await prepareBootstrap(reached, { cluster, remote, isLab, overrides, settings, redactor })
    notices.push(...read.notices)
    return read
  })
  return {
    evidence,
    clusterFolder: target.folder,
    look,
    notices: () => notices,
    async everything() {
      await awaitNamespaceGone(session.cluster, evidence.namespace, console)
      const [opened, read] = await Promise.all([restore(), inputs()])
      const anew = bootstrap(read, session)
      return opened === undefined ? anew : [...opened.beforeFlux, ...anew, opened.byHand]
    },
    async operator() {
      const { tree, operatorObjects } = await inputs()
      return [ensureOperator(tree.operator, operatorObjects)]
    },
    async instance() {
      const { tree, instanceObjects } = await inputs()
      return [ensureFluxInstance(tree.instance, instanceObjects)]
    },
    async rollBack() {
      const stage = { script: 'recover.ts', session, target, memory, branch: undefined }
      const remembered = readNotes(memory)
      if (remembered !== undefined) return rollBackSteps(stage, remembered)
      const read = await prepareUpgrade(session, target, {
        flux: evidence.upgrade?.from,
        operator: undefined,
        isForced: true,
        isBack: true,
        lockNamespace: settings.LOCK_NAMESPACE ?? 'kube-system',
      })
      notices.push(...read.notices)
      note(memory, read.notes)
      return rollBackSteps(stage, read.notes)
    },
    async gitLogin() {
      const [opened, { tree, secrets }] = await Promise.all([restore(), inputs()])
      const login = secrets.filter(({ name }) => name === tree.sync.pullSecret)
      if (opened === undefined && login.length === 0) throw noLogin(tree.sync.pullSecret)
      return [...(opened?.beforeFlux ?? []), ...login.map(ensureSecret)]
    },
    async endLoop() {
      const loop = rememberedLoop(memory) ?? (await seenLoop(look(), evidence))
      return endLoop(loop, evidence.namespace)
    },
  }
}

function noLogin(secret: string): OperatorError {
  return new OperatorError(`Flux's login for Git has to be made anew, and neither a login nor a capture is given. Nothing was changed`, {
    kind: 'blocked',
    remedy: `set GIT_USERNAME and GIT_PASSWORD, or GIT_SSH_KEY_FILE and GIT_KNOWN_HOSTS_FILE (.env.example); or --from a capture that holds Secret ${secret}`,
  })
}

/** Who changes what over and over. */
async function seenLoop(scene: Scene, { objects, namespace, probed }: Evidence): Promise<Loop> {
  const changing = await findChanging(scene)
  const told = probed.find(({ id }) => id === 'loop')?.objects ?? []
  // A HelmRelease that is released again and again is its own doer.
  const doers = [...changing.map((change) => change.by), ...told.map(({ object }) => object)]
  const by = [...new Set(doers)].flatMap((name) => {
    const object = objects.get(name)
    return object === undefined ? [] : [object.ref]
  })
  const what = [...new Set(told.map(({ object }) => object))].join(', ')
  if (by.length === 0) {
    throw new OperatorError(
      `${what} is changed over and over by the operator itself, which cannot be suspended alone. Nothing was changed`,
      {
        kind: 'blocked',
        remedy: 'leave it to one owner in Git: npx zx scripts/health-check.ts --only loop tells who changes it',
      },
    )
  }
  const revision = objects.get(`${kinds.gitRepository.kind} ${namespace}/${namespace}`)?.revision ?? ''
  return { by, what, revision }
}
