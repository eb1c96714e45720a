import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { labStatus } from '../../lab/client.ts'
import { ownImage } from '../../lab/node/own-image.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { onTestFinished } from 'vitest'
import { type Ended, type Running, startScript, type TestLab, withLogin } from './harness.ts'

/** A fleet whose clusters are worked on by Jobs on lab-infra. */
export interface JobFleet {
  /** FILE. */
  readonly file: string
  readonly run: (args: readonly string[]) => Promise<Ended>
  readonly start: (args: readonly string[]) => Running
  /** Puts the content into FILE, and runs `fleet COMMAND …` with it to its end. */
  readonly runFile: (args: readonly string[], content: string) => Promise<Ended>
  readonly startFile: (args: readonly string[], content: string) => Running
  /** What kubectl answers in the fleet's namespace. */
  readonly kubectl: (...args: readonly string[]) => Promise<string>
  /** A file on the fleet's volume. */
  readonly onVolume: (...path: readonly string[]) => string
  readonly remove: () => void
}

/** Words of every call that begins something. */
export const onInfra = ['--engine', 'kubernetes', '--on', 'lab-infra'] as const

const configSchema = v.looseObject({ contexts: v.array(v.looseObject({ name: v.string() })) })

/**
 * Makes lab-infra a management cluster: what an administrator applies, and a Secret for each cluster. Of these each has one context, which is
 * not named as FILE names it, as it is where another tool has made them.
 * @param settings variables of .env.example for the pods
 */
export async function jobFleetIn(
  lab: TestLab,
  clusters: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<JobFleet> {
  const folder = mkdtempSync(join(tmpdir(), 'frb-jobs-'))
  const file = join(folder, 'fleet.yaml')
  const { bin, kubeconfig } = await lab.access()
  const { contexts, ...config } = v.parse(configSchema, JSON.parse(readFileSync(kubeconfig, 'utf8')))
  const secret = (name: string, stringData: Readonly<Record<string, string>>): object => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'flux-runbook' },
    stringData,
  })
  const secrets = clusters.map((name) => {
    const own = contexts.filter((one) => one.name === `lab-${name}`).map((one) => ({ ...one, name: 'admin' }))
    return secret(`${name}-kubeconfig`, { value: JSON.stringify({ ...config, contexts: own, 'current-context': 'admin' }) })
  })
  const manifest = join(folder, 'secrets.json')
  writeFileSync(
    manifest,
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...secrets, secret('flux-runbook-settings', settings)] }),
  )
  await lab.kubectl('apply', '--filename', join(projectRoot, 'kubernetes/rbac/flux-runbook-fleet.yaml'), '--filename', manifest)
  const { image, tag } = ownImage()
  const env = {
    KUBECONFIG: kubeconfig,
    PATH: `${bin}:${process.env.PATH}`,
    XDG_STATE_HOME: join(folder, 'state'),
    FLEET_IMAGE: `${image}:${tag}`,
  }
  const cwd = cloneOf(lab, await lab.access(), join(folder, 'checkout'))
  const start = (args: readonly string[]): Running => {
    const running = startScript('fleet', args, { home: lab.home, cwd, env })
    onTestFinished(async () => {
      running.kill('SIGKILL')
      await running.ended
    })
    return running
  }
  const withFile = (args: readonly string[], content: string): string[] => {
    writeFileSync(file, content)
    return [...args, '--fleet', file, ...onInfra]
  }
  return {
    file,
    run: (args) => start(args).ended,
    start,
    runFile: (args, content) => start(withFile(args, content)).ended,
    startFile: (args, content) => start(withFile(args, content)),
    kubectl: (...args) => lab.kubectl('--namespace', 'flux-runbook', ...args),
    onVolume: (...path) =>
      join(lab.home, 'clusters', 'infra', 'node', 'claims', 'flux-runbook', 'flux-runbook-fleet', 'flux-runbook', ...path),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** A checkout of the lab's Git with these scripts in it, as a person has one: its folders say where the clusters' repository is. */
function cloneOf({ home }: TestLab, { git }: Awaited<ReturnType<TestLab['access']>>, checkout: string): string {
  execFileSync('git', ['clone', '--quiet', withLogin(git), checkout], { env: { PATH: process.env.PATH, HOME: home } })
  for (const part of ['scripts', 'lib', 'lab', 'package.json', '.npmrc'])
    cpSync(join(projectRoot, part), join(checkout, part), { recursive: true })
  symlinkSync(join(projectRoot, 'node_modules'), join(checkout, 'node_modules'))
  return checkout
}

/** Kills the process of a running pod of this name, as the kernel does. Throws where none runs. */
export async function killPod(name: RegExp): Promise<void> {
  const processes = (await labStatus())?.processes ?? []
  const found = processes.find((one) => name.test(one.name) && one.pid !== undefined)
  if (found?.pid === undefined) throw new Error(`no pod ${String(name)} runs; there are ${processes.map((one) => one.name).join(', ')}`)
  process.kill(found.pid, 'SIGKILL')
}

/** Evicts the running pod of the wave's cluster of this index, as a drain of its node does. */
export async function evictPod({ file, kubectl }: JobFleet, index: number): Promise<void> {
  const selector = `app.kubernetes.io/component=fleet-worker,batch.kubernetes.io/job-completion-index=${index}`
  const running = [
    'get',
    'pods',
    '--selector',
    selector,
    '--field-selector',
    'status.phase=Running',
    '--output',
    'jsonpath={.items[*].metadata.name}',
  ]
  const name = await kubectl(...running)
  const eviction = join(dirname(file), 'eviction.json')
  writeFileSync(eviction, JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: 'flux-runbook' } }))
  await kubectl('create', '--raw', `/api/v1/namespaces/flux-runbook/pods/${name}/eviction`, '--filename', eviction)
}
