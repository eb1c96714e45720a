import { expect } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { instanceStateOf } from '../../lib/flux/instance.ts'
import { kinds, type Ref } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { readinessOf } from '../../lib/flux/readiness.ts'
import { bootstrapInfra, script, startLab, type TestLab } from './harness.ts'

const namespace = 'flux-system'
export const instance: Ref = { ...fluxKinds.fluxInstance, namespace, name: 'flux' }
/** Applied by hand, in an API version that Flux 2.8 removes. */
export const byHand: Ref = { ...fluxKinds.gitRepository, namespace, name: 'old-hand' }

/** A lab whose clusters run Flux 2.7.0, the infra one with a workload of its own; 2.9.5, two minor versions on, is there too. */
export async function startMinorLab(clusters: readonly string[]): Promise<TestLab> {
  const lab = await startLab(clusters, { olderFlux: ['2.7.0'] })
  for (const cluster of clusters) {
    await lab.change(`kubernetes/clusters/${cluster}/settings.yaml`, (text) =>
      text.replace('flux_version: "2.9.5"', 'flux_version: "2.7.0"'),
    )
  }
  await lab.change('kubernetes/clusters/infra/workload.yaml', () => workload)
  await lab.change('kubernetes/clusters/infra/kustomization.yaml', (text) => `${text.trimEnd()}\n  - workload.yaml\n`)
  await bootstrapInfra()
  for (const cluster of clusters.slice(1)) {
    const ended = await script('bootstrap', ['--lab', '--context', `lab-${cluster}`, '--yes'], { home: lab.home })
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
  }
  return lab
}

/** The version that the FluxInstance has applied, once it is Ready: the operator reconciles it every minute, and then it is not. */
export async function applied(cluster: Cluster): Promise<string | undefined> {
  const read = async (): Promise<{ is: string; applied: string } | undefined> => {
    const object = await cluster.get(instance)
    return object && { is: readinessOf(object).is, applied: instanceStateOf(object).applied }
  }
  await expect.poll(read, { timeout: 60_000 }).toMatchObject({ is: 'ready' })
  return (await read())?.applied
}

/** The UIDs of what Flux has deployed, and of the objects that say so. */
export async function uids(cluster: Cluster, ...more: readonly Ref[]): Promise<(string | undefined)[]> {
  const refs: Ref[] = [
    { ...kinds.deployment, namespace: 'default', name: 'workload' },
    { ...fluxKinds.kustomization, namespace, name: 'infra-gitops-flux-instance' },
    { ...fluxKinds.helmRelease, namespace, name: 'flux-instance' },
    { ...kinds.namespace, name: namespace },
    ...more,
  ]
  return Promise.all(refs.map(async (ref) => (await cluster.get(ref))?.metadata.uid))
}

/** A GitRepository in an API version that Flux 2.8 removes. */
export async function oldObject(lab: TestLab, name: string): Promise<object> {
  const { git } = await lab.access()
  return {
    apiVersion: 'source.toolkit.fluxcd.io/v1beta2',
    kind: 'GitRepository',
    metadata: { name, namespace },
    spec: { interval: '10m', url: git.anonymousUrl, ref: { branch: 'main' } },
  }
}

/** Waits until the cluster has the GitRepository, and everything that Flux applies is Ready. */
export async function settled(lab: TestLab, name: string): Promise<void> {
  const wait = ['--namespace', namespace, 'wait', '--timeout=90s']
  await lab.kubectl(...wait, '--for=create', `gitrepositories.source.toolkit.fluxcd.io/${name}`)
  await lab.kubectl(...wait, '--for=condition=Ready', '--all', 'gitrepositories.source.toolkit.fluxcd.io')
  await lab.kubectl(...wait, '--for=condition=Ready', '--all', 'kustomizations.kustomize.toolkit.fluxcd.io')
}

const workload = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: workload
  namespace: default
spec:
  selector: {matchLabels: {app: workload}}
  template:
    metadata: {labels: {app: workload}}
    spec:
      containers:
        - name: main
          image: registry.example.com/workload:1
`
