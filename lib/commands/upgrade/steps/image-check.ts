import { shellQuote } from '../../../base/shell-line.ts'
import * as v from 'valibot'
import { showDuration } from '../../../base/duration.ts'
import { messageOf, OperatorError } from '../../../base/errors.ts'
import { type Component, componentsOf } from '../../../flux/instance.ts'
import { refsIn } from '../../../flux/refs.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { ApiError } from '../../../kubernetes/http.ts'
import { kinds, type KubeObject, refOf } from '../../../kubernetes/objects.ts'
import { waitUntil } from '../../../kubernetes/wait-until.ts'
import type { Step, StepContext } from '../../../runner/step.ts'
import { imageCheckLabel, imageDeadline, imagePod, type NewImage, newImageOf, type Verdict, podVerdict } from '../image-pods.ts'
import type { UpgradeState } from '../state.ts'
import { operatorIn } from './follow-git.ts'

/** What is checked, and what is known of it. */
export interface ImageCheck {
  readonly notes: Pick<UpgradeState, 'from' | 'to' | 'place' | 'images' | 'newImages'>
  /** Why nothing is left to check: it was, or the change is under way already; undefined where there is. */
  readonly settled: (signal: AbortSignal) => Promise<string | undefined>
  /** Receives what was checked. */
  readonly checked: (what: string) => void
  /** The same cluster, for taking the pods away although the person has cancelled. */
  readonly cleanup: Cluster
  /** The command that does the same without this check. */
  readonly without: string
}

/** Fetches and starts each new image once, beside the old one that keeps running: before anything is changed. */
export function checkImages(check: ImageCheck): Step {
  const { notes, settled, checked } = check
  const { namespace } = notes.place
  return {
    id: 'image-check',
    title: `Start the images of Flux ${notes.to.flux} beside the running ones`,
    risk: 'change',
    async check({ cluster, signal }) {
      const why = await settled(signal)
      if (why !== undefined) return { is: 'done', detail: why }
      const images = await newImages(cluster, notes)
      if (images.length === 0) return { is: 'done', detail: nothingNew(notes) }
      return {
        is: 'todo',
        change: `a pod for each of ${images.map(shown).join(', ')}, which prints its help and is removed`,
        commands: images.map(
          ({ name, image }) =>
            `kubectl --namespace ${namespace} run image-check-${name} --image=${shellQuote(image)} --restart=Never --rm --attach -- --help`,
        ),
      }
    },
    async apply(run, progress) {
      const images = await newImages(run.cluster, notes)
      await clear(check) // what a run that was killed has left
      const verdicts = await startAll(run, progress, check, images).finally(() => clear(check))
      const bad = images.flatMap((image, at) => complaint(image, verdicts[at]))
      // Those that were still on their way when one failed are not to blame.
      const late = images.flatMap((image, at) => tooLate(image, verdicts[at], patienceOf(run)))
      if (bad.length + late.length > 0) {
        throw new OperatorError(`${(bad.length > 0 ? bad : late).join('; ')}. Nothing was changed, and the pods of the check are removed`, {
          kind: 'blocked',
          remedy: `push the image there, or choose another version; or without this check: ${check.without}`,
        })
      }
      checked(`${images.map(shown).join(', ')} start`)
    },
  }
}

function shown({ name, tag }: NewImage): string {
  return `${name} ${tag}`
}

function nothingNew({ from, to, newImages: tags }: ImageCheck['notes']): string {
  const isUnknown = from.flux !== to.flux && Object.keys(tags).length === 0
  return isUnknown ? `not checked: which images Flux ${to.flux} has is not known beforehand` : 'no image changes'
}

/** The images that are to come: the controllers', and the operator's where its tag is its version. */
async function newImages(cluster: Cluster, notes: ImageCheck['notes']): Promise<NewImage[]> {
  const { from, to, place, newImages: tags } = notes
  const controllers = await controllersNow(cluster, notes)
  const operator = { name: operatorIn(place).name, repository: '', tag: `v${from.operator}` }
  const wanted = [
    ...controllers.map((component) => ({ component, tag: tags[component.name] })),
    ...(from.operator === to.operator ? [] : [{ component: operator, tag: `v${to.operator}` }]),
  ]
  const found = await Promise.all(
    wanted.map(async ({ component, tag }) => {
      const deployment = await cluster.get({ ...kinds.deployment, namespace: place.namespace, name: component.name })
      return deployment === undefined || tag === undefined ? undefined : newImageOf(deployment, component, tag)
    }),
  )
  return found.filter((image) => image !== undefined)
}

/** The controllers that run: as the FluxInstance says, or, where there is none, as they were found. */
async function controllersNow(cluster: Cluster, { place, images }: ImageCheck['notes']): Promise<readonly Component[]> {
  const { instance } = refsIn(place)
  if (instance !== undefined) return componentsOf(await cluster.get(instance))
  return Object.entries(images).map(([name, tag]) => ({ name, repository: '', tag }))
}

/** A pod's own deadline counts from when its node has seen it. */
function patienceOf({ timeout }: StepContext): number {
  return Math.min(timeout, (imageDeadline + 30) * 1000)
}

/** Starts a pod for each image, and waits until all have started, or one has not. */
async function startAll(
  run: StepContext,
  progress: (text: string) => void,
  { notes }: ImageCheck,
  images: readonly NewImage[],
): Promise<Verdict[]> {
  const { namespace } = notes.place
  const made = await Promise.all(images.map((image) => startOne(run, namespace, image)))
  const query = { namespace, labels: `${imageCheckLabel}=${run.id}` }
  return waitUntil(run.cluster, {
    watches: [{ kind: kinds.pod, query }],
    timeout: patienceOf(run),
    async check() {
      const pods = new Map((await run.cluster.list(kinds.pod, query)).map((pod) => [pod.metadata.name, pod]))
      return images.map((image, at): Verdict => {
        const pod = made[at]
        return typeof pod === 'string' ? podVerdict(pods.get(pod), image) : (pod ?? { is: 'unable', words: '' })
      })
    },
    isOver: (seen) => seen.some(({ is }) => is === 'fails' || is === 'unable') || seen.every(({ is }) => is === 'starts'),
    meanwhile(seen) {
      progress(`${seen.filter(({ is }) => is === 'starts').length} of ${seen.length} have started`)
    },
  })
}

const accountSchema = v.object({ imagePullSecrets: v.optional(v.array(v.unknown()), []) })

/** Makes one pod: its name, or why it cannot be, as where a policy or a quota refuses it. */
async function startOne({ cluster, id }: StepContext, namespace: string, image: NewImage): Promise<string | Verdict> {
  const account = await cluster.get({ ...kinds.serviceAccount, namespace, name: image.spec.serviceAccountName })
  const secrets = account === undefined ? [] : v.parse(accountSchema, account).imagePullSecrets
  const pod = imagePod(image, namespace, id, secrets)
  try {
    await cluster.create(pod)
    return pod.metadata.name
  } catch (error) {
    if (error instanceof ApiError && error.status >= 400) return { is: 'unable', words: `its pod was refused: ${error.message}` }
    throw error
  }
}

function complaint({ image }: NewImage, verdict: Verdict | undefined): string[] {
  if (verdict?.is === 'fails') return [`the image ${image} does not start: ${verdict.words}`]
  if (verdict?.is === 'unable') return [`the image ${image} could not be checked: ${verdict.words}`]
  return []
}

function tooLate({ image }: NewImage, verdict: Verdict | undefined, patience: number): string[] {
  return verdict?.is === 'waiting' ? [`the image ${image} has not started within ${showDuration(patience)}: ${verdict.on}`] : []
}

/** Removes the pods of every check in the namespace: the lock is this run's, and no other checks meanwhile. */
async function clear({ cleanup, notes }: ImageCheck): Promise<void> {
  const pods = await cleanup.list(kinds.pod, { namespace: notes.place.namespace, labels: imageCheckLabel })
  await Promise.all(pods.map((pod) => remove(cleanup, pod)))
}

async function remove(cluster: Cluster, pod: KubeObject): Promise<void> {
  try {
    await cluster.remove(refOf(pod), { uid: pod.metadata.uid ?? '', graceSeconds: 0 })
  } catch (error) {
    throw new OperatorError(`${pod.metadata.name}, a pod of the image check, could not be removed: ${messageOf(error)}`, {
      remedy: `kubectl --namespace ${pod.metadata.namespace ?? ''} delete pods --selector ${imageCheckLabel}`,
      cause: error,
    })
  }
}
