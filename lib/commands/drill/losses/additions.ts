import { ignoreNotFound, type Cluster } from '../../../kubernetes/client.ts'
import { manifestOf } from '../../../kubernetes/manifest.ts'
import type { KubeObject, Ref } from '../../../kubernetes/objects.ts'
import type { Damage } from './damages.ts'

const name = 'drill-loss'

/** What someone adds to Flux's namespace, or about it, that is in its way. */
export function additions({ metadata: { name: namespace } }: KubeObject): Damage[] {
  return [
    added('quota of 0', { apiVersion: 'v1', kind: 'ResourceQuota', namespace, name }, { spec: { hard: { pods: '0' } } }),
    added(
      'network policy that denies all',
      { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', namespace, name },
      { spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] } },
    ),
    added(
      'webhook without a Service',
      { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', name },
      { webhooks: [webhook(namespace)] },
    ),
  ]
}

/** Of a policy engine that was removed, and left this behind; it had kept out of kube-system. */
function webhook(namespace: string): object {
  return {
    name: 'drill.flux-runbook.example.com',
    clientConfig: { service: { namespace: 'drill-loss', name: 'gone' } },
    rules: [{ apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], operations: ['*'] }],
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    timeoutSeconds: 2,
  }
}

function added(title: string, ref: Ref, fields: Record<string, unknown>): Damage {
  return {
    name: title,
    seen: ref,
    inject: async (cluster) => void (await cluster.apply(manifestOf(ref, fields), { manager: 'kubectl-edit' })),
    isBack: (now) => now === undefined,
    undo: (cluster) => remove(cluster, ref),
  }
}

async function remove(cluster: Cluster, ref: Ref): Promise<void> {
  const live = await cluster.get(ref)
  if (live !== undefined) await cluster.remove(ref, { uid: live.metadata.uid ?? '' }).catch(ignoreNotFound)
}
