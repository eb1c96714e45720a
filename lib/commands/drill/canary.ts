import type { Cluster } from '../../kubernetes/client.ts'
import { appliers } from '../../flux/field-managers.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { kindArgument, type Ref } from '../../kubernetes/objects.ts'
import { requestReconcile } from '../../flux/reconcile-request.ts'
import { waitUntil } from '../../kubernetes/wait-until.ts'
import { readinessOf } from '../../flux/readiness.ts'
import { OperatorError } from '../../base/errors.ts'
import { inClone } from '../../tools/git-clone.ts'
import { branchOf, type Remote } from '../../tools/git.ts'
import { manifestOf } from '../../kubernetes/manifest.ts'

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

/** The Kustomization that deploys them. */
export function canaryIn(namespace: string): Ref {
  return { ...fluxKinds.kustomization, namespace, name }
}

/** Has the lab's Git hold a few workloads, and Flux deploy them with `prune: true`, so that a drill there has something to lose. */
export async function ensureCanary(
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
    await clone.push(branchOf(remote))
  })
  const ref = canaryIn(namespace)
  await requestReconcile(cluster, { ...fluxKinds.gitRepository, namespace, name: syncName })
  const sourceRef = { kind: fluxKinds.gitRepository.kind, name: syncName }
  // Where tenants are locked down, one that names no account gets the tenants' own, which may not make a namespace.
  const serviceAccountName = appliers.kustomize
  const spec = { interval: '10m', retryInterval: '5s', path: './drill', prune: true, wait: true, sourceRef, serviceAccountName }
  await cluster.apply(manifestOf(ref, { spec }))
  const readiness = await waitUntil(cluster, {
    watches: [{ kind: fluxKinds.kustomization, query: { namespace } }],
    timeout,
    async check() {
      const live = await cluster.get(ref)
      return live === undefined ? undefined : readinessOf(live)
    },
    isOver: (seen) => seen?.is === 'ready',
  })
  if (readiness?.is === 'ready') return
  const why = readiness?.is === 'waiting' ? readiness.on : (readiness?.reason ?? 'it is gone')
  throw new OperatorError(`the drill's own workloads do not become Ready, so nothing was broken: ${why}`, {
    remedy: `npx zx scripts/lab.ts kubectl -- --namespace ${namespace} describe ${kindArgument(fluxKinds.kustomization)} ${name}`,
  })
}
