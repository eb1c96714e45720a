import { isFluxGroup } from '../../flux/api-groups.ts'
import { type FluxHealth, healthOf } from '../../flux/object-status.ts'
import { isAboutNeeds } from '../../health/waiting.ts'
import type { KubeObject } from '../../kubernetes/objects.ts'

/** What an upgrade is judged by, of how things were before. */
export interface Baseline {
  /** The revision of each object that was Ready, by its name; empty where its kind has none. */
  readonly ready: Readonly<Record<string, string>>
  /** The names of the objects that bring Flux itself. */
  readonly own: ReadonlySet<string>
  /** Whether objects may have gone with commits that came along. */
  readonly isBehind: boolean
  /** The commit of this run; empty where there is none. */
  readonly commit: string
}

/** An object that was Ready and is not. */
interface UnreadyObject {
  readonly name: string
  /** With why. */
  readonly reported: string
  /** That its controller has still to come to it, or to what it needs: nothing has failed. */
  readonly isPending: boolean
}

/** The objects that were Ready and are not: because of the new version, or for a reason of their own. */
export interface UnreadyObjects {
  readonly version: readonly UnreadyObject[]
  readonly elsewhere: readonly UnreadyObject[]
}

/**
 * Judges a version by the objects that bring Flux, and by those that fail because of it. A tenant's HelmRelease that cannot install, a source
 * that is away, a health check that fails: they would have failed under the old version too.
 */
export function judgeObjects(objects: readonly KubeObject[], before: Baseline): UnreadyObjects {
  const health = healthOf(objects)
  const lost = Object.entries(before.ready).flatMap(([name, revision]) => {
    const now = health.get(name)
    const why = whyNot(now, revision)
    if (why === undefined || (now === undefined && before.isBehind)) return []
    return [{ name, now, reported: `${name}${why}`, isPending: isPending(now) }]
  })
  const isOfVersion = ({ name, now }: (typeof lost)[number]): boolean =>
    before.own.has(name) || (now?.is === 'unready' && isAboutVersion(now, before.ready[name] ?? '', before.commit))
  const shown = ({ name, reported, isPending: isSo }: (typeof lost)[number]): UnreadyObject => ({ name, reported, isPending: isSo })
  return { version: lost.filter(isOfVersion).map(shown), elsewhere: lost.filter((one) => !isOfVersion(one)).map(shown) }
}

/** Its controller has not come to it, or says only what it needs. */
function isPending(now: FluxHealth | undefined): boolean {
  return now?.is === 'unready' ? isAboutNeeds(now) : now?.is === 'ready' || now?.is === 'without'
}

/** Why an object does not count as Ready again; undefined where it does, with a revision where it had one. */
function whyNot(now: FluxHealth | undefined, revision: string): string | undefined {
  if (now === undefined) return ', which is gone'
  if (now.is === 'unready') return `: ${now.reason}: ${now.message}`
  if (now.is === 'suspended') return ', which was suspended meanwhile'
  return now.is !== 'ready' || (revision !== '' && now.revision === '') ? ': not reconciled yet' : undefined
}

/** How the API says that it does not have a kind in a version: `no matches for kind "GitRepository" in version "…/v1beta2"`. */
const noSuchKind = /no matches for kind "[^"]+" in version "([^"/]+)\/[^"]+"/g

/** That an object asks for an API of Flux that is gone; or what could be built before, the same content, cannot now. */
function isAboutVersion({ reason, message, attempted }: FluxHealth & { is: 'unready' }, revision: string, commit: string): boolean {
  if ([...message.matchAll(noSuchKind)].some(([, group = '']) => isFluxGroup(group))) return true
  const isSame = attempted !== '' && (attempted === revision || (commit !== '' && attempted.endsWith(commit)))
  return reason === 'BuildFailed' && isSame
}
