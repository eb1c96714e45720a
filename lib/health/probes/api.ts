import { unavailableApis } from '../../preflight/api-services.ts'
import { checkKubernetesVersion } from '../../preflight/kubernetes-version.ts'
import { nameOf, refOf } from '../../kubernetes/objects.ts'
import { foundAmong, type Probe, type Trouble } from '../probe.ts'
import { parseVersion } from '../../base/version.ts'
import type { OlderData } from '../../runner/data-age.ts'

/** The API answers, is new enough for the Flux that runs, and so do the APIs that others add to it. */
export const api: Probe = {
  id: 'api',
  title: 'Kubernetes API',
  async check({ cluster, version, installed, older, where }) {
    const [kubernetes, flux, unavailable, data] = await Promise.all([version(), installed(), unavailableApis(cluster), older()])
    const isKnown = flux.version !== undefined && parseVersion(flux.version) !== undefined
    const judged = isKnown ? checkKubernetesVersion(kubernetes, flux.version) : []
    const tooOld = judged.filter(({ is }) => is === 'blocks')
    const unknown = judged.filter(({ is }) => is === 'notice')
    const troubleOf = (findings: typeof judged): Trouble[] =>
      findings.map(({ what, remedy }) => ({ object: 'API', reason: what, ...(remedy === undefined ? {} : { next: remedy }) }))
    const silent = unavailable.map(({ object, reason, remedy }): Trouble => ({
      object: nameOf(refOf(object)),
      reason,
      next: remedy,
      damage: 'api-unavailable',
    }))
    return foundAmong(`Kubernetes ${kubernetes}`, troubleOf(tooOld), [...troubleOf(unknown), ...restored(data, where), ...silent])
  },
}

/** Flux catches up with Git by itself; what only the cluster had since the backup is gone. */
function restored(data: OlderData | undefined, where: string): Trouble[] {
  if (data === undefined) return []
  return [
    {
      object: 'API',
      reason: `has data of version ${data.now}, and had ${data.before} when the last run here ended: etcd was restored from an older backup; what Git does not have is as it was then`,
      next: `npx zx scripts/recover.ts ${where}`,
      damage: 'data-older',
    },
  ]
}
