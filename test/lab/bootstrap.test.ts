import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, nameOf, type Ref } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { foreignManagers } from '../../lib/commands/bootstrap/steps/verify-flux.ts'
import { documentOf, startLab, type TestLab } from './harness.ts'
import { greet, greetingRef, isAvailable, until, useHelm3, versions } from './self-managed.ts'
import { emptySnapshot } from './shared-labs.ts'

const namespace = 'flux-system'
let lab: TestLab
let infra: Cluster

beforeAll(async () => {
  lab = await startLab(['infra'])
  infra = await lab.cluster('lab-infra')
})
afterAll(() => lab.close())

describe('without consent or with what is wrong, nothing is changed', () => {
  const nothing = async (): Promise<void> => {
    expect(await infra.get({ ...kinds.namespace, name: namespace })).toBeUndefined()
  }
  test('no terminal and no --yes: exit 2, and the flag is named', async () => {
    const ended = await lab.run('bootstrap', ['--lab'])
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain('nothing was changed: there is no terminal to ask for consent')
    expect(ended.stderr).toContain('--yes')
    await nothing()
  })
  test('a dry run prints the plan: exit 0', async () => {
    const ended = await lab.run('bootstrap', ['--lab', '--dry-run', '--json'])
    expect(ended.code).toBe(0)
    expect(documentOf(ended).outcome).toBe('planned')
    expect(ended.stderr).toContain('create Namespace flux-system')
    await nothing()
  })
  test('an unknown context: exit 2, naming those there are', async () => {
    const { kubeconfig } = await lab.access()
    const ended = await lab.run('bootstrap', ['--context', 'lab-infr', '--cluster', 'infra', '--kubeconfig', kubeconfig, '--yes'], {
      PATH: `${(await lab.access()).bin}:${process.env.PATH}`,
    })
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain('there is no context "lab-infr"')
    expect(ended.stderr).toContain('Did you mean lab-infra?')
  })
  test('a wrong Git password: exit 3', async () => {
    const ended = await lab.run('bootstrap', ['--lab', '--yes'], { GIT_PASSWORD: 'not-the-password' })
    expect(ended.code).toBe(3)
    expect(ended.stderr).toContain('the Git server refuses the login for http://127.0.0.1:')
    expect(ended.stderr).toContain('check GIT_USERNAME and GIT_PASSWORD')
    expect(ended.stderr).not.toContain('not-the-password')
    await nothing()
  })
  test('a branch, a path and a chart version that do not exist: exit 3, all reported at once', async () => {
    const settings = 'kubernetes/clusters/infra/settings.yaml'
    const overlay = 'kubernetes/infrastructure/gitops/flux-instance/infra/helmrelease-infra.yaml'
    const restoreSettings = await lab.change(settings, (text) =>
      text.replace('refs/heads/main', 'refs/heads/release').replace('operator_version: "0.59.0"', 'operator_version: "9.9.9"'),
    )
    const ended = await lab.run('bootstrap', ['--lab', '--yes', '--json'])
    expect(ended.code).toBe(3)
    expect(ended.stderr).toContain('has no refs/heads/release: it has main')
    expect(ended.stderr).toMatch(/chart oci:.*flux-operator 9\.9\.9 cannot be pulled: .*not found/)
    expect(ended.stderr).toMatch(/chart oci:.*flux-instance 9\.9\.9 cannot be pulled: .*not found/)
    expect(documentOf(ended)).toMatchObject({ outcome: 'blocked', exitCode: 3, steps: [] })
    await restoreSettings()

    const restoreOverlay = await lab.change(overlay, (text) => text.replace('kubernetes/clusters/infra', 'kubernetes/clusters/nowhere'))
    const lost = await lab.run('bootstrap', ['--lab', '--yes'])
    expect(lost.code).toBe(3)
    expect(lost.stderr).toMatch(/has no folder .*kubernetes\/clusters\/nowhere at/)
    await restoreOverlay()
    await nothing()
  })
  test('a registry that does not answer and a wrong Git password: exit 3, both reported', async () => {
    await lab.setFault('registry-down')
    const ended = await lab.run('bootstrap', ['--lab', '--yes'], { GIT_PASSWORD: 'not-the-password' })
    await lab.clearFaults()
    expect(ended.code).toBe(3)
    expect(ended.stderr).toContain('the Git server refuses the login')
    expect(ended.stderr).toMatch(/flux-operator 0\.59\.0 cannot be pulled: .*connection refused/)
    await nothing()
  })
})

describe('on an empty cluster', () => {
  test('bootstrap ends with a Flux that manages itself, and a second run has nothing to do', async () => {
    const first = await lab.run('bootstrap', ['--lab', '--yes', '--json'])
    expect(first.stderr).toContain('Flux v2.9.5 manages itself on lab-infra')
    expect(first.code).toBe(0)
    expect(documentOf(first)).toMatchObject({ script: 'bootstrap', context: 'lab-infra', outcome: 'done', exitCode: 0 })
    expect(documentOf(first).steps.map(({ id, state }) => `${id} ${state}`)).toEqual([
      'namespace done',
      'git-credentials done',
      'flux-operator done',
      'flux-instance done',
      'sync done',
      'takeover done',
      'verify done',
    ])

    const before = await versions(infra)
    const second = await lab.run('bootstrap', ['--lab', '--yes', '--json'])
    expect(second.stderr).toContain('nothing to do')
    expect(second.code).toBe(0)
    expect(documentOf(second)).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
    expect(new Set(documentOf(second).steps.map(({ state }) => state))).toEqual(new Set(['already']))
    expect(await versions(infra)).toEqual(before)
  })

  test('anyone who only asks Flux to reconcile owns nothing of it: a run after that has nothing to do either', async () => {
    const { bin, kubeconfig } = await lab.access()
    const flux = (...args: readonly string[]): Promise<unknown> =>
      promisify(execFile)(join(bin, 'flux'), ['reconcile', ...args, '--context=lab-infra'], {
        env: { KUBECONFIG: kubeconfig, HOME: lab.home },
      })
    await flux('kustomization', 'infra-gitops-flux-instance')
    await flux('helmrelease', 'flux-instance', '--force', '--reset')
    await flux('source', 'oci', 'flux-instance')
    const asked = `reconcile.fluxcd.io/requestedAt=${Date.now()}`
    for (const object of ['fluxinstance/flux', 'kustomization/infra-gitops-flux-operator'])
      await lab.kubectl(`--namespace=${namespace}`, 'annotate', '--overwrite', object, asked)
    const ended = await lab.run('bootstrap', ['--lab', '--yes', '--json'])
    expect(documentOf(ended), ended.stderr).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
    expect(await foreignManagers(infra, namespace)).toEqual([])
  })

  test('the controllers have the resources that Git gives them', async () => {
    const resources = async (name: string): Promise<unknown> => {
      const deployment = await infra.get({ ...kinds.deployment, namespace, name })
      return v.parse(containersSchema, deployment).spec.template.spec.containers[0]?.resources
    }
    const small = { requests: { cpu: '50m', memory: '64Mi' }, limits: { cpu: '200m', memory: '256Mi' } }
    expect(await resources('source-controller')).toEqual(small)
    expect(await resources('helm-controller')).toEqual(small)
    expect(await resources('notification-controller')).toEqual(small)
    expect(await resources('kustomize-controller')).toEqual({
      requests: { cpu: '100m', memory: '64Mi' },
      limits: { cpu: '500m', memory: '256Mi' },
    })
    expect(await resources('flux-operator')).toEqual({ requests: { cpu: '50m', memory: '64Mi' }, limits: { cpu: '200m', memory: '256Mi' } })
  })

  test('nobody but Flux, the API server and this project has written to anything of Flux', async () => {
    expect(await foreignManagers(infra, namespace)).toEqual([])
  })

  test('helm 3, which prints what it pulled on stderr, finds nothing to do where helm 4 has bootstrapped', async () => {
    onTestFinished(await useHelm3(lab))
    const before = await versions(infra)
    const again = await lab.run('bootstrap', ['--lab', '--yes', '--json'])
    expect(documentOf(again), again.stderr).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
    expect(await versions(infra)).toEqual(before)
  })

  test('a commit below the path of a cluster reaches that cluster by Flux alone', async () => {
    await greet(lab, 'infra')
    await until(infra, kinds.configMap, async () => (await infra.get(greetingRef)) !== undefined)
  })

  test('a deleted controller comes back by the operator alone', async () => {
    await remove(infra, { ...kinds.deployment, namespace, name: 'kustomize-controller' })
    await until(infra, kinds.deployment, () => isAvailable(infra, 'kustomize-controller'))
  })

  test('a deleted operator comes back by helm-controller alone', async () => {
    await remove(infra, { ...kinds.deployment, namespace, name: 'flux-operator' })
    await until(infra, kinds.deployment, () => isAvailable(infra, 'flux-operator'))
    // As helm-controller made it: nothing is left to do.
    const planned = documentOf(await lab.run('bootstrap', ['--lab', '--dry-run', '--json']))
    expect(planned.steps.find(({ id }) => id === 'flux-operator')).toMatchObject({ state: 'already' })
  })
})

describe('the older way', () => {
  test('--via flux ends in the same place: Git brings the operator, which adopts what is there', async () => {
    await lab.reset(emptySnapshot('infra'))
    const ended = await lab.run('bootstrap', ['--lab', '--via', 'flux', '--yes', '--json'])
    expect(ended.stderr).toContain('Flux v2.9.5 manages itself on lab-infra')
    expect(ended.code).toBe(0)
    infra = await lab.cluster('lab-infra')
    expect((await infra.list(fluxKinds.gitRepository)).map(({ metadata }) => metadata.name)).toEqual([namespace])
    expect(await foreignManagers(infra, namespace)).toEqual([])

    const again = await lab.run('bootstrap', ['--lab', '--yes', '--json'])
    expect(documentOf(again)).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
  })
})

const containersSchema = v.object({
  spec: v.object({ template: v.object({ spec: v.object({ containers: v.array(v.object({ resources: v.unknown() })) }) }) }),
})

async function remove(cluster: Cluster, ref: Ref): Promise<void> {
  const uid = (await cluster.get(ref))?.metadata.uid
  if (uid === undefined) throw new Error(`${nameOf(ref)} does not exist to be deleted`)
  await cluster.remove(ref, { uid })
  await until(cluster, ref, async () => (await cluster.get(ref))?.metadata.uid !== uid)
}
