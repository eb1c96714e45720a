import { kinds, parseObject, refOf } from '../lib/kubernetes/objects.ts'
import type { Cluster } from '../lib/kubernetes/client.ts'
import { fluxKinds } from '../lib/flux/kinds.ts'
import { inParallel } from '../lib/base/parallel.ts'
import { type BenchLab, withBenchLab } from './bench-lab.ts'
import { rowsOf, time, type Took } from './measure.ts'
import { compared, type Section } from './performance-page.ts'
import { installed } from './ways-to-call.ts'

const rounds = 3
const peer = '`flux uninstall`, until the namespace is gone'

/** Teardown of a Flux that its CLI installed, with a thousand objects, against `flux uninstall`; then of ten thousand. */
export async function measureTeardown(major: string): Promise<Section> {
  return withBenchLab(async (lab) => {
    await time('flux', ['install', '--context=lab-infra', '--components=source-controller,kustomize-controller,helm-controller'], lab.env)
    await lab.command('snapshot', 'installed')
    await lab.withCluster((cluster) => fill(cluster, 1000))
    await lab.command('snapshot', 'thousand')
    const [ours, theirs]: [Took[], Took[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      await reset(lab, 'thousand')
      ours.push(await teardown(lab))
      await reset(lab, 'thousand')
      theirs.push(await uninstall(lab))
    }
    await reset(lab, 'installed')
    await lab.withCluster((cluster) => fill(cluster, 10_000))
    const many = await teardown(lab)
    return {
      title: `Teardown, Node ${major}`,
      columns: compared,
      rows: rowsOf(
        new Map([
          ['`flux-runbook teardown`, 1,000 objects', ours],
          [`${peer}, 1,000 objects`, theirs],
          ['`flux-runbook teardown`, 10,000 objects', [many]],
        ]),
        `${peer}, 1,000 objects`,
      ),
      explained: `A Flux that the flux CLI installed; the capture and the proof that workloads survive are in ours. ${rounds} rounds in turn, one of 10,000.`,
    }
  })
}

/** Held by their finalizers, as all objects of Flux are, and suspended, so that no controller is busy with them. */
async function fill(cluster: Cluster, count: number): Promise<void> {
  const spec = { interval: '1h', suspend: true, prune: true, path: './', sourceRef: { kind: 'GitRepository', name: 'fleet' } }
  const names = Array.from({ length: 20 }, (_, at) => `team-${at}`)
  await inParallel(names, 20, (name) => cluster.apply(parseObject({ ...kinds.namespace, metadata: { name } })))
  const objects = Array.from({ length: count }, (_, at) =>
    parseObject({
      ...fluxKinds.kustomization,
      metadata: { namespace: names[at % names.length], name: `app-${at}`, finalizers: ['finalizers.fluxcd.io'] },
      spec,
    }),
  )
  await inParallel(objects, 32, (object) => cluster.create(object))
  if ((await cluster.get(refOf(parseObject(objects[0])))) === undefined) throw new Error('the objects were not created')
}

/** Back to a snapshot, with controllers that have started since: what the snapshot says of the old ones is no longer so. */
async function reset({ command, env }: BenchLab, snapshot: string): Promise<void> {
  await command('reset', snapshot)
  const there = ['--context=lab-infra', '--namespace=flux-system']
  await time('kubectl', ['rollout', 'restart', 'deployment', ...there], env)
  for (const one of ['source', 'kustomize', 'helm'])
    await time('kubectl', ['rollout', 'status', `deployment/${one}-controller`, ...there], env)
  await time('kubectl', ['wait', 'pod', '--for=condition=Ready', '--all', '--timeout=60s', ...there], env)
}

function teardown({ env }: BenchLab): Promise<Took> {
  const { command, args } = installed('teardown', '--lab', '--yes', '--destroy=lab-infra')
  return time(command, args, env)
}

/** The CLI says that it has finished while the namespace is still there. */
function uninstall({ env }: BenchLab): Promise<Took> {
  const gone = 'kubectl --context lab-infra wait --for=delete namespace/flux-system --timeout=120s'
  return time('bash', ['-euc', `flux uninstall --silent --context=lab-infra && ${gone}`], env)
}
