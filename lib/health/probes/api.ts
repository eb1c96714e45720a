import * as v from 'valibot'
import { checkApiServices } from '../../preflight/api-services.ts'
import { checkKubernetesVersion } from '../../preflight/kubernetes-version.ts'
import { foundAmong, type Probe, type Trouble } from '../probe.ts'

const instanceSchema = v.object({ status: v.optional(v.object({ lastAppliedRevision: v.optional(v.string(), '') }), {}) })

/** The API answers, is new enough for the Flux that runs, and so do the APIs that others add to it. */
export const api: Probe = {
  id: 'api',
  title: 'Kubernetes API',
  async look({ cluster, version, instance }) {
    const [kubernetes, flux, added] = await Promise.all([version(), instance(), checkApiServices(cluster, 'notice')])
    const applied = flux === undefined ? '' : (v.parse(instanceSchema, flux).status.lastAppliedRevision.split('@')[0] ?? '')
    const tooOld = applied === '' ? [] : checkKubernetesVersion(kubernetes, applied)
    const troubleOf = (findings: typeof added): Trouble[] =>
      findings.map(({ what, remedy }) => ({ object: 'API', reason: what, ...(remedy === undefined ? {} : { next: remedy }) }))
    return foundAmong(`Kubernetes ${kubernetes}`, troubleOf(tooOld), troubleOf(added))
  },
}
