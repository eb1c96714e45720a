import * as v from 'valibot'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { namespace } from './older-flux.ts'

const eventSchema = v.object({
  reportingController: v.string(),
  regarding: v.object({ kind: v.literal('FluxInstance'), name: v.literal('flux') }),
  metadata: v.object({
    annotations: v.object({
      'flux-runbook/run': v.string(),
      'flux-runbook/script': v.picklist(['upgrade', 'rollback']),
      'flux-runbook/from': v.string(),
      'flux-runbook/to': v.string(),
    }),
  }),
})

/** The Events that the runs since the bootstrap have left; one that changed nothing leaves none. */
export async function runEvents(cluster: Cluster): Promise<string[]> {
  const events = await cluster.list({ apiVersion: 'events.k8s.io/v1', kind: 'Event' }, { namespace })
  return events.flatMap((event) => {
    const read = v.safeParse(eventSchema, event)
    if (!read.success || read.output.reportingController !== 'flux-runbook') return []
    const { annotations } = read.output.metadata
    return [`${annotations['flux-runbook/script']} from ${annotations['flux-runbook/from']} to ${annotations['flux-runbook/to']}`]
  })
}
