import { OperatorError } from '../../../base/errors.ts'
import { nameOf } from '../../../kubernetes/objects.ts'
import {
  bringIt,
  imagesOfVersion,
  isRefused,
  pullPatience,
  type Pulls,
  readPull,
  type Tags,
  type VersionImage,
  watchPulls,
} from './missing-images.ts'

type Container = VersionImage['containers'][number]

/** So often a program was started again and ended: a kubelet has waited 70 seconds in all by then. */
const restarts = 3

/**
 * As `watchPulls`, for a version that nobody has run here yet: it throws as well where a registry refuses the login, where the image is for
 * another processor, and where the program ends again and again. On a rollback there is nothing to do but to wait for these.
 */
export function watchStarts(wanted: Tags, left: Tags, now: () => number = Date.now): Pulls {
  const pulls = watchPulls(wanted, left, now)
  const refusedSince = new Map<string, number>()
  return {
    async verify(cluster, ref) {
      await pulls.verify(cluster, ref)
      for (const { image, containers } of await imagesOfVersion(cluster, ref, wanted, left)) {
        const refused = containers.map(refusal).find((words) => words !== undefined)
        if (refused !== undefined && !refusedSince.has(image)) refusedSince.set(image, now())
        if (refused === undefined && !containers.some(saysNothing)) refusedSince.delete(image)
        const since = refusedSince.get(image)
        const isSure = since !== undefined && now() - since >= pullPatience
        const why = isSure ? (refused ?? 'the registry refuses it') : containers.map(failure).find((words) => words !== undefined)
        if (why !== undefined) throw new OperatorError(`${nameOf(ref)} cannot run ${image}: ${why}`, { remedy: bringIt(ref) })
      }
    },
  }
}

/** A back-off that names no cause, as before Kubernetes 1.32: what was said before it still holds. */
function saysNothing({ state: { waiting } }: Container): boolean {
  return waiting !== undefined && readPull(waiting).some(({ is }) => is === 'unsaid')
}

/** What a registry that refuses has said. */
function refusal({ state: { waiting } }: Container): string | undefined {
  if (waiting === undefined) return undefined
  const isPull = readPull(waiting).length > 0
  return isPull && isRefused(waiting.message) ? waiting.message : undefined
}

/** Why a program does not start, where it never will. */
function failure({ state, lastState, restartCount }: Container): string | undefined {
  const ended = [state.terminated, lastState.terminated].filter((one) => one !== undefined)
  const said = [state.waiting?.message ?? '', ...ended.map(({ message }) => message)]
  const foreign = said.find((message) => /exec format error/.test(message))
  if (foreign !== undefined) return foreign.trim()
  const last = ended[0]
  if (state.waiting?.reason !== 'CrashLoopBackOff' || restartCount < restarts) return undefined
  const how =
    last === undefined ? '' : `, the last time with exit code ${last.exitCode}${last.message === '' ? '' : `: ${last.message.trim()}`}`
  return `its container has exited ${restartCount + 1} times${how}`
}
