import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import * as v from 'valibot'
import { projectRoot } from '../lib/base/paths.ts'
import { makeTemporaryFolder } from '../lib/process/temporary-folder.ts'
import { type BenchLab, withBenchLab } from './bench-lab.ts'
import { setDistance } from './fleet-world.ts'
import { fluxKinds } from '../lib/flux/kinds.ts'
import { fill } from './flux-objects.ts'
import { type Contestants, inTurn, rowsOf, time } from './measure.ts'
import { compared, type Section } from './performance-page.ts'
import { byNpx, type Call, installed } from './ways-to-call.ts'

/** How far away a cluster is that is not on the same machine, in milliseconds. */
const distance = 40
const peer = '`flux check` and `flux get all --all-namespaces`'

/** Health checks of clusters with ever more objects of Flux, against the flux CLI and a client that only sends the same requests. */
export async function measureHealth(major: string, sizes: readonly number[], put: (section: Section) => Promise<void>): Promise<void> {
  await withBenchLab(async (lab) => {
    await time('npx', ['zx', 'scripts/bootstrap.ts', '--lab', '--yes'], process.env)
    await giveOperatorMemory(lab)
    let filled = 0
    for (const objects of sizes) {
      const filling = lab.console.wait(`filling the cluster with ${objects} objects`)
      await lab.withCluster((cluster) => fill(cluster, filled, objects, (done) => filling.on(`${done} of ${objects} objects`)))
      filling.success(`${objects} objects are there`)
      filled = objects
      const rounds = objects > 10_000 ? 3 : 7
      const section = async (where: string, explained: string): Promise<Section> => ({
        title: `Health check of ${objects.toLocaleString('en-US')} objects${where}, Node ${major}`,
        columns: compared,
        rows: rowsOf(await inTurn(await contestants(lab), rounds), peer),
        explained: `Whole processes in turn, ${rounds} rounds; the ratio is to both flux commands.${explained}`,
      })
      await put(await section('', objects >= 10_000 ? ' flux-operator may use 4Gi: its limit of 256Mi is too low for so many.' : ''))
      if (objects !== 1000) continue
      await setDistance(distance)
      await put(await section(' far away', ` Everything that is sent to the API arrives ${distance} ms later, as in another region.`))
      await setDistance(0)
    }
  })
}

/**
 * From 10,000 objects on, flux-operator needs more than its limit of 256Mi: it is killed now and then, and each start of it reads all of them
 * while others are timed.
 */
async function giveOperatorMemory({ env, withCluster }: BenchLab): Promise<void> {
  const namespace = 'flux-system'
  await withCluster(async (cluster) => {
    await cluster.patch({ ...fluxKinds.helmRelease, namespace, name: 'flux-operator' }, { spec: { suspend: true } })
  })
  const kubectl = (...words: string[]) => time('kubectl', ['--context=lab-infra', `--namespace=${namespace}`, ...words], env)
  await kubectl('set', 'resources', 'deployment', 'flux-operator', '--limits=memory=4Gi')
  await kubectl('rollout', 'status', 'deployment', 'flux-operator')
}

const clusterSchema = v.object({ server: v.string(), 'certificate-authority-data': v.string() })
const configSchema = v.object({
  clusters: v.array(v.object({ name: v.string(), cluster: clusterSchema })),
  contexts: v.array(v.object({ name: v.string(), context: v.object({ cluster: v.string(), user: v.string() }) })),
  users: v.array(v.object({ name: v.string(), user: v.object({ token: v.string() }) })),
})

async function contestants(lab: BenchLab): Promise<Contestants> {
  const health = ['health-check', '--context', 'lab-infra', '--cluster', 'infra'] as const
  const run =
    ({ command, args }: Call, env = lab.env) =>
    () =>
      time(command, args, env)
  const bare = await recordRequests(lab, installed(...health))
  return {
    '`flux-runbook health-check`': run(installed(...health)),
    '`npx zx scripts/health-check.ts`': run(byNpx(...health)),
    [peer]: async () => {
      const check = await time('flux', ['check', '--context=lab-infra'], lab.env)
      const all = await time('flux', ['get', 'all', '--all-namespaces', '--context=lab-infra'], lab.env)
      return { seconds: check.seconds + all.seconds, megabytes: Math.max(check.megabytes, all.megabytes) }
    },
    'the same requests by a bare client': run({ command: process.execPath, args: [join(projectRoot, 'bench', 'bare-client.mjs')] }, bare),
  }
}

/** The environment of a client that sends what the command sent. */
async function recordRequests({ env, access }: BenchLab, { command, args }: Call): Promise<NodeJS.ProcessEnv> {
  const folder = makeTemporaryFolder()
  const [requests, api] = [join(folder, 'requests'), join(folder, 'api')]
  const recording = { ...env, BENCH_REQUESTS: requests, NODE_OPTIONS: `--import=${join(projectRoot, 'bench', 'record-requests.mjs')}` }
  await time(command, args, recording)
  const config = v.parse(configSchema, parse(await readFile(access.kubeconfig, 'utf8')))
  const context = config.contexts.find(({ name }) => name === 'lab-infra')?.context
  const cluster = config.clusters.find(({ name }) => name === context?.cluster)?.cluster
  const user = config.users.find(({ name }) => name === context?.user)?.user
  if (cluster === undefined || user === undefined) throw new Error('the kubeconfig of the lab has no lab-infra')
  const ca = Buffer.from(cluster['certificate-authority-data'], 'base64').toString()
  await writeFile(api, JSON.stringify({ server: cluster.server, ca, token: user.token }), { mode: 0o600 })
  return { ...env, BENCH_REQUESTS: requests, BENCH_API: api }
}
