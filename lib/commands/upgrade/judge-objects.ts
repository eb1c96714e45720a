import { isFluxGroup } from '../../flux/api-groups.ts'
import { type FluxHealth, healthOf } from '../../flux/object-status.ts'
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

/** The objects that were Ready and are not, each with why: because of the new version, or for a reason of their own. */
export interface UnreadyObjects {
  readonly version: readonly string[]
  readonly elsewhere: readonly string[]
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
    return [{ name, now, reported: `${name}${why}` }]
  })
  const isOfVersion = ({ name, now }: (typeof lost)[number]): boolean =>
    before.own.has(name) || (now?.is === 'unready' && isAboutVersion(now, before.ready[name] ?? '', before.commit))
  return {
    version: lost.filter(isOfVersion).map(({ reported }) => reported),
    elsewhere: lost.filter((one) => !isOfVersion(one)).map(({ reported }) => reported),
  }
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
