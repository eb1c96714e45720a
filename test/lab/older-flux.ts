import { execFileSync } from 'node:child_process'
import * as v from 'valibot'
import { expect } from 'vitest'
import type { Cluster } from '../../lib/cluster/cluster.ts'
import { kinds, nameOf, refOf } from '../../lib/cluster/objects.ts'
import { readinessOf } from '../../lib/cluster/readiness.ts'
import { type Ended, startLab, type TestLab } from './harness.ts'

export const namespace = 'flux-system'
export const settings = 'kubernetes/clusters/infra/settings.yaml'
export const wanted = ['--lab', '--to', '2.9.5', '--yes', '--json']

/** A lab of a test file whose cluster runs Flux 2.9.4, kept as snapshot `old`, and whose newest is 2.9.5. */
export interface OlderLab extends TestLab {
  /** Runs a script that is to end well. */
  readonly done: (script: string, args: readonly string[]) => Promise<Ended>
  /** What the lab's Git has. */
  readonly git: (...args: readonly string[]) => Promise<string>
  /** The version that the lab's Git asks for, as it is written there. */
  readonly gitVersion: () => Promise<string | undefined>
}

export async function startOlderLab(): Promise<OlderLab> {
  const lab = await startLab(['infra'], ['2.9.4'])
  const done = async (script: string, args: readonly string[]): Promise<Ended> => {
    const ended = await lab.run(script, args)
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    return ended
  }
  const git = async (...args: readonly string[]): Promise<string> => {
    const { home } = await lab.access()
    return execFileSync('git', ['-C', `${home}/git/fleet.git`, ...args], { encoding: 'utf8' }).trim()
  }
  await lab.change(settings, (text) => text.replace('flux_version: "2.9.5"', 'flux_version: "2.9.4"'))
  await done('bootstrap', ['--lab', '--yes'])
  await lab.snapshot('old')
  const gitVersion = async (): Promise<string | undefined> => /^\s*flux_version: (.*)$/m.exec(await git('show', `main:${settings}`))?.[1]
  return { ...lab, done, git, gitVersion }
}

const imageSchema = v.object({
  spec: v.object({ template: v.object({ spec: v.object({ containers: v.array(v.object({ image: v.string() })) }) }) }),
})

/** The tag of each of Flux's controllers. */
export async function tags(cluster: Cluster): Promise<string[]> {
  const deployments = await cluster.list(kinds.deployment, { namespace, labels: 'app.kubernetes.io/part-of=flux' })
  return deployments.map((deployment) => {
    const image = v.parse(imageSchema, deployment).spec.template.spec.containers[0]?.image.split('@')[0] ?? ''
    return image.slice(image.lastIndexOf('/') + 1)
  })
}
export const oldTags = [
  'helm-controller:v1.6.3',
  'kustomize-controller:v1.9.4',
  'notification-controller:v1.9.3',
  'source-controller:v1.9.4',
]
export const newTags = [
  'helm-controller:v1.6.4',
  'kustomize-controller:v1.9.5',
  'notification-controller:v1.9.4',
  'source-controller:v1.9.5',
]

/** What of Flux is not Ready, suspended and stalled included. */
export async function unready(cluster: Cluster): Promise<string[]> {
  const own = [kinds.fluxInstance, kinds.gitRepository, kinds.ociRepository, kinds.kustomization, kinds.helmRelease]
  const objects = (await Promise.all(own.map((kind) => cluster.list(kind)))).flat()
  return objects.filter((object) => readinessOf(object).is === 'failed').map((object) => nameOf(refOf(object)))
}
