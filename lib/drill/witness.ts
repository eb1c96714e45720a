import type { Cluster } from '../cluster/cluster.ts'
import { kinds } from '../cluster/objects.ts'
import { requestReconcile } from '../cluster/reconcile-request.ts'
import { readinessOf } from '../cluster/readiness.ts'
import { onChange } from '../cluster/watch.ts'
import { OperatorError } from '../errors.ts'
import { inClone } from '../git-clone.ts'
import type { Remote } from '../git.ts'
import { stated } from '../steps/stated.ts'

const name = 'drill-witness'
const file = 'drill/witness.yaml'

/** Workloads whose survival says something: Flux applied them, and would prune them. Nothing of it needs an image of its own. */
const content = `apiVersion: v1
kind: Namespace
metadata:
  name: ${name}
${['Deployment', 'StatefulSet']
  .map(
    (kind) => `---
apiVersion: apps/v1
kind: ${kind}
metadata:
  name: ${kind.toLowerCase()}
  namespace: ${name}
spec:
  replicas: 2
  ${kind === 'StatefulSet' ? 'serviceName: witness\n  ' : ''}selector:
    matchLabels: {app: ${kind.toLowerCase()}}
  template:
    metadata:
      labels: {app: ${kind.toLowerCase()}}
    spec:
      containers:
        - name: witness
          image: registry.k8s.io/pause:3.10
`,
  )
  .join('')}---
apiVersion: v1
kind: Service
metadata:
  name: witness
  namespace: ${name}
spec:
  selector: {app: deployment}
  ports: [{port: 80}]
`

/** Has the lab's Git hold a few workloads, and Flux deploy them with `prune: true`, so that a drill there has something to lose. */
export async function ensureWitness(
  cluster: Cluster,
  {
    remote,
    folder,
    namespace,
    syncName,
    timeout,
  }: { remote: Remote; folder: string; namespace: string; syncName: string; timeout: number },
): Promise<void> {
  await inClone(remote, folder, cluster.signal, async (clone) => {
    if ((await clone.read(file).catch(() => '')) === content) return
    await clone.commit(file, content, 'chore(drill): workloads that have to survive')
    await clone.push(remote.ref.replace(/^refs\/heads\//, ''))
  })
  const ref = { ...kinds.kustomization, namespace, name }
  await requestReconcile(cluster, { ...kinds.gitRepository, namespace, name: syncName })
  const sourceRef = { kind: kinds.gitRepository.kind, name: syncName }
  await cluster.apply(stated(ref, { spec: { interval: '10m', retryInterval: '5s', path: './drill', prune: true, wait: true, sourceRef } }))
  const changes = onChange(cluster, [{ kind: kinds.kustomization, query: { namespace } }])
  try {
    for (const deadline = Date.now() + timeout; ; await changes.next(2000)) {
      const live = await cluster.get(ref)
      const readiness = live === undefined ? undefined : readinessOf(live)
      if (readiness?.is === 'ready') return
      if (Date.now() > deadline) {
        const why = readiness?.is === 'waiting' ? readiness.on : (readiness?.reason ?? 'it is gone')
        throw new OperatorError(`the drill's own workloads do not get Ready, so nothing was broken: ${why}`, {
          remedy: `npx zx scripts/lab.ts kubectl -- --namespace ${namespace} describe kustomization ${name}`,
        })
      }
    }
  } finally {
    changes.stop()
  }
}
