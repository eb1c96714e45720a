import { execFileSync } from 'node:child_process'
import * as v from 'valibot'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Cluster } from '../../lib/cluster/cluster.ts'
import { releaseStateOf } from '../../lib/cluster/flux-instance.ts'
import { kinds, nameOf, refOf } from '../../lib/cluster/objects.ts'
import { readinessOf } from '../../lib/cluster/readiness.ts'
import { type Hand, openHand, readPrinted, rollBackByHand } from './by-hand.ts'
import { documentOf, type Ended, startLab, type TestLab } from './harness.ts'

const namespace = 'flux-system'
const settings = 'kubernetes/clusters/infra/settings.yaml'
const wanted = ['--lab', '--to', '2.9.5', '--yes', '--json']
let lab: TestLab

beforeAll(async () => {
  lab = await startLab(['infra'])
  await done('lab', ['up', '--flux', '2.9.4'])
  await lab.change(settings, (text) => text.replace('flux_version: "2.9.5"', 'flux_version: "2.9.4"'))
  await done('bootstrap', ['--lab', '--yes'])
  await done('lab', ['snapshot', 'old'])
})
afterAll(() => lab.close())

async function done(script: string, args: readonly string[]): Promise<Ended> {
  const ended = await lab.run(script, args)
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  return ended
}
const set = (fault: string): Promise<Ended> => done('lab', ['fault', 'set', fault])
const clear = (...fault: string[]): Promise<Ended> => done('lab', ['fault', 'clear', ...fault])

/** What the lab's Git has. */
async function git(...args: string[]): Promise<string> {
  const { home } = await lab.access()
  return execFileSync('git', ['-C', `${home}/git/fleet.git`, ...args], { encoding: 'utf8' }).trim()
}
async function gitVersion(): Promise<string | undefined> {
  return /^\s*flux_version: (.*)$/m.exec(await git('show', `main:${settings}`))?.[1]
}

const imageSchema = v.object({
  spec: v.object({ template: v.object({ spec: v.object({ containers: v.array(v.object({ image: v.string() })) }) }) }),
})

/** The tag of each of Flux's controllers. */
async function tags(cluster: Cluster): Promise<string[]> {
  const deployments = await cluster.list(kinds.deployment, { namespace, labels: 'app.kubernetes.io/part-of=flux' })
  return deployments.map((deployment) => {
    const image = v.parse(imageSchema, deployment).spec.template.spec.containers[0]?.image.split('@')[0] ?? ''
    return image.slice(image.lastIndexOf('/') + 1)
  })
}
const oldTags = ['helm-controller:v1.6.3', 'kustomize-controller:v1.9.4', 'notification-controller:v1.9.3', 'source-controller:v1.9.4']
const newTags = ['helm-controller:v1.6.4', 'kustomize-controller:v1.9.5', 'notification-controller:v1.9.4', 'source-controller:v1.9.5']

/** What of Flux is not Ready, suspended and stalled included. */
async function unready(cluster: Cluster): Promise<string[]> {
  const own = [kinds.fluxInstance, kinds.gitRepository, kinds.ociRepository, kinds.kustomization, kinds.helmRelease]
  const objects = (await Promise.all(own.map((kind) => cluster.list(kind)))).flat()
  return objects.filter((object) => readinessOf(object).is === 'failed').map((object) => nameOf(refOf(object)))
}

/** That a run ended green on the old version: exit code 5, Git reverted, nothing suspended or stalled. */
async function expectRolledBack(ended: Ended): Promise<void> {
  expect(ended, ended.stderr).toMatchObject({ code: 5 })
  expect(documentOf(ended)).toMatchObject({ outcome: 'rolled-back', exitCode: 5, from: '2.9.4', to: '2.9.5' })
  const cluster = await lab.cluster('lab-infra')
  expect(await tags(cluster)).toEqual(oldTags)
  expect(await unready(cluster)).toEqual([])
  expect(await gitVersion()).toBe('"2.9.4"')
  expect(await git('log', '-1', '--format=%s', 'main')).toBe('Revert "chore(flux): upgrade Flux to v2.9.5"')
}

describe('beforehand', () => {
  test('what cannot be is refused, all of it, and neither Git nor the cluster is changed', async () => {
    const before = await git('rev-parse', 'main')
    const missing = await lab.run('upgrade', ['--lab', '--to', '2.9.77', '--yes', '--json'])
    expect(missing.code).toBe(3)
    expect(missing.stderr).toMatch(/there is no Flux 2\.9\.77 in oci:.*; the nearest that exist are 2\.9\.5, 2\.9\.4, 2\.9\.3/)
    expect(documentOf(missing)).toMatchObject({ outcome: 'blocked', steps: [] })
    const operator = await lab.run('upgrade', ['--lab', '--operator', '9.9.9', '--yes'])
    expect(operator.code).toBe(3)
    expect(operator.stderr).toMatch(/there is no flux-operator 9\.9\.9 in oci:.*; the nearest that exist are 0\.59\.0/)

    const older = await lab.run('upgrade', ['--lab', '--to', '2.8.0', '--yes'])
    expect(older).toMatchObject({ code: 3, stderr: expect.stringContaining('Flux 2.8.0 is older than 2.9.4, which runs') })
    expect(older.stderr).toContain('npx zx scripts/rollback.ts … --to 2.8.0')

    const nothing = await lab.run('upgrade', ['--lab', '--yes'])
    expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining('upgrade to which version?') })

    const planned = await lab.run('upgrade', [...wanted, '--dry-run'])
    expect(documentOf(planned)).toMatchObject({ outcome: 'planned', exitCode: 0 })
    expect(planned.stderr).toContain('flux_version: 2.9.4 + flux_version: 2.9.5')

    const cluster = await lab.cluster('lab-infra')
    const release = { ...kinds.helmRelease, namespace, name: 'flux-instance' }
    await cluster.patch(release, { spec: { suspend: true } })
    const suspended = await lab.run('upgrade', wanted)
    expect(suspended).toMatchObject({ code: 3, stderr: expect.stringContaining('HelmRelease flux-system/flux-instance is suspended') })
    await cluster.patch(release, { spec: { suspend: null } })

    expect(await git('rev-parse', 'main')).toBe(before)
    expect(await tags(cluster)).toEqual(oldTags)
  })
})

describe('from 2.9.4 to 2.9.5', () => {
  beforeEach(async () => {
    await done('lab', ['reset', 'old'])
  })

  test('ends with Git and the cluster agreed; then there is nothing to do; and back by rollback', async () => {
    const before = await git('show', `main:${settings}`)
    const ended = await done('upgrade', wanted)
    const document = documentOf(ended)
    expect(document).toMatchObject({ outcome: 'done', from: '2.9.4', to: '2.9.5' })
    const cluster = await lab.cluster('lab-infra')
    expect(await tags(cluster)).toEqual(newTags)
    expect(await git('show', `main:${settings}`)).toBe(before.replace('flux_version: "2.9.4"', 'flux_version: "2.9.5"'))
    expect(await git('log', '-1', '--format=%s', 'main')).toBe('chore(flux): upgrade Flux to v2.9.5')
    expect(await git('diff', '--name-only', 'main~1', 'main')).toBe(settings)
    const pauses = v.parse(controllersSchema, document).controllers
    expect(pauses.map(({ name, to }) => `${name}:${to}`).sort()).toEqual(newTags)
    for (const { pauseMs } of pauses) expect(pauseMs).toBeLessThan(30_000)

    const again = await done('upgrade', wanted)
    expect(documentOf(again)).toMatchObject({ outcome: 'unchanged', exitCode: 0 })

    const back = await done('rollback', ['--lab', '--yes', '--json'])
    expect(documentOf(back)).toMatchObject({ outcome: 'done', from: '2.9.5', to: '2.9.4' })
    expect(await tags(cluster)).toEqual(oldTags)
    expect(await git('show', `main:${settings}`)).toBe(before)
    expect(await unready(cluster)).toEqual([])
    expect(documentOf(await done('rollback', ['--lab', '--to', '2.9.4', '--yes', '--json']))).toMatchObject({ outcome: 'unchanged' })
  })

  test('proposed on a branch, it waits for the merge, and then follows; and so does the way back', async () => {
    const running = lab.start('upgrade', [...wanted, '--branch', 'upgrade-flux'])
    await running.said('somebody to open and merge the request: for branch upgrade-flux')
    expect(await gitVersion()).toBe('"2.9.4"')
    await git('update-ref', 'refs/heads/main', 'refs/heads/upgrade-flux')
    const ended = await running.ended
    expect(documentOf(ended)).toMatchObject({ outcome: 'done', exitCode: 0 })

    const back = lab.start('rollback', ['--lab', '--yes', '--json', '--branch', 'upgrade-flux'])
    await back.said('somebody to open and merge the request: for branch upgrade-flux-rollback')
    // The cluster does not wait for the merge, and stays back until then.
    const cluster = await lab.cluster('lab-infra')
    expect(await tags(cluster)).toEqual(oldTags)
    expect(await unready(cluster)).toEqual(['HelmRelease flux-system/flux-instance'])
    expect(await gitVersion()).toBe('"2.9.5"')
    await git('update-ref', 'refs/heads/main', 'refs/heads/upgrade-flux-rollback')
    expect(documentOf(await back.ended)).toMatchObject({ outcome: 'done', from: '2.9.5', to: '2.9.4' })
    expect(await unready(cluster)).toEqual([])
    expect(await git('log', '-1', '--format=%s', 'main')).toBe('Revert "chore(flux): upgrade Flux to v2.9.5"')
  })

  test('goes back by itself from a source-controller that cannot run, killed on the way forth and on the way back', async () => {
    await set('image=source-controller:v1.9.5')
    const first = lab.start('upgrade', [...wanted, '--timeout', '60s'])
    await first.said(/source-controller v1\.9\.4 → v1\.9\.5 0\/1: (ErrImagePull|ImagePullBackOff)/)
    first.kill('SIGKILL')
    await first.ended
    const second = lab.start('upgrade', [...wanted, '--timeout', '30s', '--resume'])
    await second.said('◎ Put Flux back to 2.9.4')
    second.kill('SIGKILL')
    await second.ended
    await expectRolledBack(await lab.run('upgrade', [...wanted, '--timeout', '90s', '--resume']))
  })

  test('goes back from a controller that crashes, though the API is gone for 20 seconds meanwhile', async () => {
    await set('crash=helm-controller')
    const running = lab.start('upgrade', [...wanted, '--timeout', '75s'])
    await running.said(/helm-controller v1\.6\.3 → v1\.6\.4 .*CrashLoopBackOff/)
    await set('api-down')
    await running.said('waiting: the Kubernetes API cannot be reached')
    await new Promise((resolve) => setTimeout(resolve, 20_000)) // how long the API is away is what is tested
    await clear('api-down')
    await running.said('◎ Put Flux back to 2.9.4')
    await clear() // the old program does not crash
    await expectRolledBack(await running.ended)
  })

  test('goes back while the registry is down, by the manifests inside the operator', async () => {
    const running = lab.start('upgrade', [...wanted, '--timeout', '45s'])
    await running.said('◎ Change the version in Git')
    await set('registry-down')
    await running.said('✔ Put Flux back to 2.9.4')
    await clear('registry-down')
    await expectRolledBack(await running.ended)
    // The operator would have tried again after as long as the registry was away: it was asked to do so now.
    const instance = await (await lab.cluster('lab-infra')).get({ ...kinds.fluxInstance, namespace, name: 'flux' })
    expect(instance?.metadata.annotations).toHaveProperty(['reconcile.fluxcd.io/requestedAt'])
  })

  test('with Git gone right after the push, is back on the old version and waits for Git; then finishes', async () => {
    await set('image=helm-controller:v1.6.4')
    const running = lab.start('upgrade', [...wanted, '--timeout', '40s'])
    await running.said('✔ Change the version in Git')
    await running.said('◎ Follow the rollout')
    await set('git-down')
    const ended = await running.ended
    expect(ended, ended.stderr).toMatchObject({ code: 1 })
    const { error } = documentOf(ended)
    expect(error?.message).toMatch(
      /; and putting Flux back to 2\.9\.4 failed: Git still says the new version, since it could not be changed for 40\.?0? s: .*\. The cluster runs the old version, and its HelmRelease is suspended so that it stays there\. Now: FluxInstance flux-system\/flux asks for 2\.9\.4 and has applied 2\.9\.4; all controllers are available; HelmRelease flux-system\/flux-instance is suspended; what Git says is not known: /,
    )
    const commit = await git('rev-parse', 'main')
    expect(error?.remedy?.split('\n').map((line) => line.trim())).toEqual([
      'npx zx scripts/upgrade.ts --lab --context lab-infra --resume   # finishes all of it',
      `or by hand: git revert ${commit.slice(0, 12)} && git push   # flux_version: "2.9.4"`,
      'flux --namespace flux-system reconcile source git flux-system',
      "kubectl --namespace flux-system wait helmrelease/flux-instance --for=jsonpath='{.spec.values.instance.distribution.version}'=2.9.4 --timeout=5m",
      'flux --namespace flux-system resume helmrelease flux-instance',
    ])
    const cluster = await lab.cluster('lab-infra')
    expect(await tags(cluster)).toEqual(oldTags)
    expect(await unready(cluster)).toEqual(['HelmRelease flux-system/flux-instance'])

    const resumed = lab.start('upgrade', [...wanted, '--resume'])
    await resumed.said('trying again')
    await clear('git-down')
    await expectRolledBack(await resumed.ended)
  })
})

describe('by hand, as it is printed', () => {
  let hand: Hand
  beforeEach(async () => {
    await done('lab', ['reset', 'old'])
    hand = await openHand(lab)
  })
  afterEach(() => hand.close())

  /** That Git, its releases and the operator agree on a version. */
  async function expectAll(version: string): Promise<void> {
    const cluster = await lab.cluster('lab-infra')
    expect(await tags(cluster)).toEqual(version === '2.9.5' ? newTags : oldTags)
    expect(await unready(cluster)).toEqual([])
    expect(await gitVersion()).toBe(`"${version}"`)
    // Nothing is left to do for the script: what was done by hand is as it would have done it.
    const again = await lab.run(version === '2.9.5' ? 'upgrade' : 'rollback', ['--lab', '--to', version, '--dry-run', '--json'])
    expect(documentOf(again), again.stderr).toMatchObject({ outcome: 'unchanged' })
  }
  const raise = (): void => hand.edit(settings, (text) => text.replace('flux_version: "2.9.4"', 'flux_version: "2.9.5"'))

  test('flux-upgrade.md: to 2.9.5, and back in place', async () => {
    const printed = await readPrinted('docs/runbooks/flux-upgrade.md')
    raise()
    await hand.type(printed, printed.section('## Upgrade', '### By hand'))
    await expectAll('2.9.5')
    await rollBackByHand(hand, '2.9.4', false)
    await expectAll('2.9.4')
  })

  /** Puts the lab's charts and manifests into its registry under another number too: it has no newer operator. */
  async function renumber(from: string, to: string): Promise<void> {
    const { registry } = await lab.access()
    for (const chart of ['flux-operator', 'flux-instance']) {
      await hand.run('helm', ['pull', '--plain-http', '--untar', `oci://${registry}/charts/${chart}`, '--version', from])
      await hand.run('helm', ['package', chart, '--version', to])
      await hand.run('helm', ['push', '--plain-http', `${chart}-${to}.tgz`, `oci://${registry}/charts`])
    }
    await hand.run('flux', ['tag', 'artifact', `oci://${registry}/flux-operator-manifests:v${from}`, '--tag', `v${to}`])
  }

  test('flux-self-management.md: the operator, then to 2.9.5, and back by a commit', async () => {
    await renumber('0.59.0', '0.60.0')
    const printed = await readPrinted('docs/runbooks/flux-self-management.md')
    const commands = printed.section('### Upgrade by hand')
    const itself = commands.findLastIndex(({ program }) => program === 'git') - 2
    hand.edit(settings, (text) => text.replaceAll('0.59.0"', '0.60.0"'))
    await hand.type(printed, commands.slice(0, itself))
    const cluster = await lab.cluster('lab-infra')
    const release = await cluster.get({ ...kinds.helmRelease, namespace, name: 'flux-operator' })
    expect(release === undefined ? undefined : releaseStateOf(release).chart).toBe('0.60.0')
    raise()
    await hand.type(printed, commands.slice(itself))
    await expectAll('2.9.5')
    const back = printed.section('### Rollback by hand')
    const ofMinor = back.findLastIndex(({ words }) => words.includes('revert'))
    await hand.type(printed, back.slice(0, ofMinor))
    await expectAll('2.9.4')
  })
})

const controllersSchema = v.object({
  controllers: v.array(v.object({ name: v.string(), from: v.string(), to: v.string(), pauseMs: v.number() })),
})
