import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { bringUp, type LabAccess, labAccess, labStatus, reportLab } from '../lab/client.ts'
import { ownImage } from '../lab/node/own-image.ts'
import { projectRoot } from '../lib/base/paths.ts'
import type { Console } from '../lib/terminal/console.ts'
import { peakOf, time, type Took } from './measure.ts'
import { installed } from './ways-to-call.ts'

/** Many contexts, of a few real clusters: a health check changes nothing, so that they may be there more than once. */
export interface FleetWorld {
  readonly env: NodeJS.ProcessEnv
  readonly folder: string
  /** The contexts, from the first. */
  readonly names: readonly string[]
}

const servers = ['infra', 'apps', 'edge'] as const

const configSchema = v.looseObject({
  clusters: v.array(v.looseObject({ name: v.string() })),
  users: v.array(v.looseObject({ name: v.string() })),
  contexts: v.array(v.object({ name: v.string(), context: v.object({ cluster: v.string(), user: v.string() }) })),
})

/** Three clusters with Flux on them, and so many contexts. */
export async function makeFleetWorld(console: Console, env: NodeJS.ProcessEnv, folder: string, count: number): Promise<FleetWorld> {
  await bringUp(servers, console)
  for (const name of servers) await time('npx', ['zx', 'scripts/bootstrap.ts', '--lab', '--context', `lab-${name}`, '--yes'], process.env)
  return spreadContexts(env, folder, count)
}

/** So many contexts, spread over the clusters, and lab-infra as the management cluster that knows them all. */
export async function spreadContexts(env: NodeJS.ProcessEnv, folder: string, count: number): Promise<FleetWorld> {
  const access = await labAccess()
  const config = v.parse(v.pipe(v.string(), v.parseJson(), configSchema), await readFile(access.kubeconfig, 'utf8'))
  const names = Array.from({ length: count }, (_, at) => `c-${String(at + 1).padStart(3, '0')}`)
  const contexts = names.map((name, at) => {
    const server = `lab-${servers[at % servers.length] ?? ''}`
    return { name, context: { cluster: server, user: server } }
  })
  const kubeconfig = join(folder, 'kubeconfig')
  await writeFile(kubeconfig, JSON.stringify({ ...config, contexts: [...config.contexts, ...contexts] }), { mode: 0o600 })
  await manage(access, folder, contexts, config)
  const { image, tag } = ownImage()
  return { env: { ...env, KUBECONFIG: kubeconfig, FLEET_IMAGE: `${image}:${tag}` }, folder, names }
}

/** lab-infra as a management cluster, with a Secret for each context. */
async function manage(
  access: LabAccess,
  folder: string,
  contexts: v.InferOutput<typeof configSchema>['contexts'],
  { clusters, users }: v.InferOutput<typeof configSchema>,
): Promise<void> {
  const kubectl = async (...args: readonly string[]): Promise<void> =>
    void (await time(join(access.bin, 'kubectl'), ['--kubeconfig', access.kubeconfig, '--context', 'lab-infra', ...args], process.env))
  await kubectl('apply', '--filename', join(projectRoot, 'kubernetes/rbac/flux-runbook-fleet.yaml'))
  const items = contexts.map(({ name, context }) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `${name}-kubeconfig`, namespace: 'flux-runbook' },
    stringData: {
      value: JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: clusters.filter((one) => one.name === context.cluster),
        users: users.filter((one) => one.name === context.user),
        contexts: [{ name, context }],
      }),
    },
  }))
  const secrets = join(folder, 'secrets.json')
  await writeFile(secrets, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }), { mode: 0o600 })
  await kubectl('create', '--filename', secrets)
}

/** How far a cluster is from its fleet, in milliseconds for every message. */
export async function setDistance(milliseconds: number): Promise<void> {
  await reportLab({ do: 'fault-clear' })
  if (milliseconds > 0) await reportLab({ do: 'fault-set', fault: `api-slow=${milliseconds}` })
}

/** What a fleet took: of the engine kubernetes the memory is that of the conductor in its pod. */
export async function timeFleet(world: FleetWorld, clusters: number, parallel: number, engine: 'local' | 'kubernetes'): Promise<Took> {
  const file = join(world.folder, 'fleet.yaml')
  const lines = world.names
    .slice(0, clusters)
    .map((name) => `  - {name: ${name}, context: ${name}, cluster: infra, kubeconfigSecret: ${name}-kubeconfig, wave: all}\n`)
  await writeFile(file, `clusters:\n${lines.join('')}waves:\n  - {name: all, parallel: ${parallel}}\n`)
  const place = engine === 'local' ? [] : ['--engine', engine, '--on', 'lab-infra']
  const { command, args } = installed('fleet', 'health-check', '--fleet', file, ...place)
  let conductor = 0
  const looking = setInterval(() => {
    void labStatus().then((status) => {
      const conductors = status?.processes.filter(({ name }) => name.includes('-conductor-')) ?? [] // those of earlier fleets too
      conductor = Math.max(conductor, ...conductors.map(({ pid }) => peakOf(pid ?? 0) ?? 0))
    })
  }, 250)
  const took = await time(command, args, world.env).finally(() => clearInterval(looking))
  return engine === 'local' ? took : { ...took, megabytes: conductor }
}
