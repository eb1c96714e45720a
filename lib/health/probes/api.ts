import { unavailableApis } from '../../preflight/api-services.ts'
import { checkKubernetesVersion } from '../../preflight/kubernetes-version.ts'
import { nameOf, refOf } from '../../kubernetes/objects.ts'
import { foundAmong, type Probe, type Trouble } from '../probe.ts'
import { parseVersion } from '../../base/version.ts'

/** The API answers, is new enough for the Flux that runs, and so do the APIs that others add to it. */
export const api: Probe = {
  id: 'api',
  title: 'Kubernetes API',
  async check({ cluster, version, installed }) {
    const [kubernetes, flux, unavailable] = await Promise.all([version(), installed(), unavailableApis(cluster)])
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
    return foundAmong(`Kubernetes ${kubernetes}`, troubleOf(tooOld), [...troubleOf(unknown), ...silent])
  },
}
