import { parseObject } from '../../lib/kubernetes/objects.ts'
import { type Pod, parsePod } from '../../lab/node/pod-spec.ts'

/** A pod of the Deployment source-controller, with what a test gives in the place of its usual parts. */
export function podOf(parts: { metadata?: object; spec?: object; status?: object } = {}): Pod {
  const metadata = {
    name: 'source-controller-67b4b7c6d9-abcde',
    namespace: 'flux-system',
    uid: '0-1-2',
    labels: { app: 'source-controller', 'pod-template-hash': '67b4b7c6d9' },
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'source-controller-67b4b7c6d9', uid: '3' }],
    ...parts.metadata,
  }
  const spec = { nodeName: 'lab', containers: [{ name: 'manager', image: 'source-controller:v1.9.5' }], ...parts.spec }
  return parsePod(
    parseObject({ apiVersion: 'v1', kind: 'Pod', metadata, spec, ...(parts.status === undefined ? {} : { status: parts.status }) }),
  )
}
