import { nameOf, refOf } from '../../kubernetes/objects.ts'
import { asksAbout, isCertain, type Webhook } from '../../preflight/webhook-rules.ts'
import { namespaceLabels, unansweredAmong, type UnansweredWebhook } from '../../preflight/webhooks.ts'
import { fluxWrites } from '../flux-writes.ts'
import { foundAmong, type Probe, type Trouble } from '../probe.ts'
import type { Snapshot } from '../snapshot.ts'

/** Admission webhooks that must answer can: one whose Service has no endpoint refuses everything that it is asked about. */
export const webhooks: Probe = {
  id: 'webhooks',
  title: 'Admission webhooks',
  async check(snapshot) {
    const required = await snapshot.webhooks()
    const unanswered = await unansweredAmong(snapshot.cluster, required)
    if (unanswered.length === 0)
      return foundAmong(
        required.length === 0
          ? 'none is required (failurePolicy: Fail)'
          : `${required.length} required (failurePolicy: Fail), all have an endpoint`,
        [],
      )
    const own = await fluxWrites(snapshot)
    const labels = await namespaceLabels(snapshot.cluster, own)
    const fails: Trouble[] = []
    const warns: Trouble[] = []
    for (const one of unanswered) {
      const refused = own.find((object) => asksAbout(one.webhook, object, labels))
      if (refused === undefined) warns.push(troubleOf(one, 'Flux writes none of that', snapshot))
      else if (!isCertain(one.webhook))
        warns.push(troubleOf(one, 'its matchConditions decide whether that is of what Flux writes', snapshot))
      else {
        const what = `including what Flux writes, such as ${nameOf(refOf(refused))}`
        fails.push({ ...troubleOf(one, what, snapshot), damage: 'webhook-unanswered' })
      }
    }
    return foundAmong(`${unanswered.length} of ${required.length} required webhooks cannot answer`, fails, warns)
  },
}

function troubleOf({ configuration, webhook, service }: UnansweredWebhook, what: string, { kubectl }: Snapshot): Trouble {
  const { namespace, name } = service
  const { kind, metadata } = configuration
  return {
    object: nameOf(refOf(configuration)),
    reason: `its webhook ${webhook.name} refuses ${describeRules(webhook)}: its Service ${namespace}/${name} has no ready endpoint; ${what}`,
    next: `${kubectl} --namespace ${namespace} get service,endpointslices,pods; if its server will not come back: ${kubectl} delete ${kind.toLowerCase()} ${metadata.name}`,
  }
}

/** `CREATE, UPDATE of deployments.apps, pods`, and `of everything` where that is so. */
export function describeRules({ rules }: Pick<Webhook, 'rules'>): string {
  const operations = [...new Set(rules.flatMap((rule) => rule.operations))]
  const resources = rules.flatMap(({ apiGroups, resources: named }) =>
    apiGroups.flatMap((group) => named.map((resource) => (group === '' ? resource : `${resource}.${group}`))),
  )
  const isAll = resources.some((resource) => resource === '*.*' || resource === '*/*.*')
  const [first, second, third, ...others] = [...new Set(resources)]
  const reported = [first, second, third].filter((one) => one !== undefined).join(', ')
  const more = others.length === 0 ? '' : ` and ${others.length} more`
  return `${operations.includes('*') ? 'every write' : operations.join(', ')} of ${isAll ? 'everything' : `${reported}${more}`}`
}
