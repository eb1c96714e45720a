import { kinds } from '../../cluster/objects.ts'
import { showDuration } from '../../duration.ts'
import { findChanging, tooMany } from '../changes.ts'
import type { FluxObject } from '../flux-object.ts'
import { foundAmong, type Probe, type Trouble } from '../probe.ts'
import { problems } from '../problems.ts'

/** A release longer ago than this ends a series of them, in milliseconds. */
const recently = 15 * 60_000

/** Nothing keeps changing without a commit: no object in the cluster, and no Helm release. */
export const loop: Probe = {
  id: 'loop',
  title: 'Recursive reconciliation',
  async look(scene) {
    const { kubectl, now } = scene
    const [changing, { all }] = await Promise.all([findChanging(scene), scene.objects()])
    const next = (by: string): string => {
      const [kind, place] = by.split(' ')
      const [namespace, name] = (place ?? '').split('/')
      return `${kubectl} --namespace ${namespace} events --for ${kind?.toLowerCase()}/${name}`
    }
    const troubles = [
      ...changing.map(({ object, by, count, first, last }): Trouble => {
        const reason = `was changed ${count} times in ${showDuration(last - first)} by ${by}, without as many commits`
        return { object, reason, since: new Date(first).toISOString(), next: next(by), problem: problems.loop }
      }),
      ...all.filter(({ ref }) => ref.kind === kinds.helmRelease.kind).flatMap((release) => releasedAgain(release, now, next(release.name))),
    ]
    const detail = troubles.length === 0 ? 'nothing changes without a commit' : `${troubles.length} changing without a commit`
    return foundAmong(detail, troubles)
  },
}

/** The same chart with the same values released again and again, and not long ago. */
function releasedAgain({ name, history }: FluxObject, now: number, next: string): Trouble[] {
  const [newest] = history
  if (newest === undefined || now - Date.parse(newest.lastDeployed) > recently) return []
  const { chartVersion, configDigest } = newest
  const alike = history.filter((entry) => entry.chartVersion === chartVersion && entry.configDigest === configDigest)
  if (alike.length < tooMany) return []
  const since = alike.at(-1)?.lastDeployed ?? ''
  const reason = `released chart ${chartVersion} with the same values ${alike.length} times in ${showDuration(now - Date.parse(since))}`
  return [{ object: name, reason, since, next, problem: problems.loop }]
}
