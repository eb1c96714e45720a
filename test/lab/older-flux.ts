import { execFileSync } from 'node:child_process'
import * as v from 'valibot'
import { expect } from 'vitest'
import { labAccess } from '../../lab/client.ts'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, nameOf, refOf } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { readinessOf } from '../../lib/flux/readiness.ts'
import { bootstrapInfra, commitFile, documentOf, type Ended, startLab, type TestLab, untilRunning, withLogin } from './harness.ts'

export const namespace = 'flux-system'
export const settings = 'kubernetes/clusters/infra/settings.yaml'
export const wanted = ['--lab', '--to', '2.9.5', '--yes', '--json']

/** A lab of a test file whose cluster runs Flux 2.9.4, kept as snapshot `old`, and whose newest is 2.9.5. */
export interface OlderLab extends TestLab {
  /** Runs a script that is to succeed. */
  readonly done: (script: string, args: readonly string[]) => Promise<Ended>
  /** What the lab's Git has. */
  readonly git: (...args: readonly string[]) => Promise<string>
  /** The version that the lab's Git asks for, as it is written there. */
  readonly gitVersion: () => Promise<string | undefined>
}

export async function startOlderLab(): Promise<OlderLab> {
  const lab = await startLab(['infra'], { olderFlux: ['2.9.4'], start: { name: 'old', make: bootstrapOld } })
  await lab.snapshot('old')
  await untilRunning(lab)
  const done = async (script: string, args: readonly string[]): Promise<Ended> => {
    const ended = await lab.run(script, args)
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    return ended
  }
  const git = async (...args: readonly string[]): Promise<string> => {
    const { home } = await lab.access()
    return execFileSync('git', ['-C', `${home}/git/fleet.git`, ...args], { encoding: 'utf8' }).trim()
  }
  const gitVersion = async (): Promise<string | undefined> => /^\s*flux_version: (.*)$/m.exec(await git('show', `main:${settings}`))?.[1]
  return { ...lab, done, git, gitVersion }
}

async function bootstrapOld(): Promise<void> {
  const { git } = await labAccess()
  commitFile(withLogin(git), settings, (text) => text.replace('flux_version: "2.9.5"', 'flux_version: "2.9.4"'))
  await bootstrapInfra()
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

/** That Git, its releases and the operator agree on a version. */
export async function expectAll(lab: OlderLab, version: string): Promise<void> {
  const cluster = await lab.cluster('lab-infra')
  expect(await tags(cluster)).toEqual(version === '2.9.5' ? newTags : oldTags)
  expect(await unready(cluster)).toEqual([])
  expect(await lab.gitVersion()).toBe(`"${version}"`)
  // Nothing is left to do for the script: what was done by hand is as it would have done it.
  const again = await lab.run(version === '2.9.5' ? 'upgrade' : 'rollback', ['--lab', '--to', version, '--dry-run', '--json'])
  expect(documentOf(again), again.stderr).toMatchObject({ outcome: 'unchanged' })
}

/** What of Flux is not Ready, suspended and stalled included. */
export async function unready(cluster: Cluster): Promise<string[]> {
  const own = [fluxKinds.fluxInstance, fluxKinds.gitRepository, fluxKinds.ociRepository, fluxKinds.kustomization, fluxKinds.helmRelease]
  const objects = (await Promise.all(own.map((kind) => cluster.list(kind)))).flat()
  return objects.filter((object) => readinessOf(object).is === 'failed').map((object) => nameOf(refOf(object)))
}

/** That a run ended green on the old version: exit code 5, Git reverted, nothing suspended or stalled. */
export async function expectRolledBack(lab: OlderLab, ended: Ended): Promise<void> {
  expect(ended, ended.stderr).toMatchObject({ code: 5 })
  expect(documentOf(ended)).toMatchObject({ outcome: 'rolled-back', exitCode: 5, from: '2.9.4', to: '2.9.5' })
  const cluster = await lab.cluster('lab-infra')
  expect(await tags(cluster)).toEqual(oldTags)
  expect(await unready(cluster)).toEqual([])
  expect(await lab.gitVersion()).toBe('"2.9.4"')
  expect(await lab.git('log', '-1', '--format=%s', 'main')).toBe('Revert "chore(flux): upgrade Flux to v2.9.5"')
}
