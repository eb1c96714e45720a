import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { kinds, type KubeObject, parseObject, refOf } from '../../lib/kubernetes/objects.ts'
import { requestReconcile } from '../../lib/flux/reconcile-request.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { forgetRuns } from './endings.ts'
import { documentOf, untilRunning } from './harness.ts'
import { namespace, newTags, type OlderLab, oldTags, settings, startOlderLab, tags, unready, wanted } from './older-flux.ts'
import { runEvents } from './run-events.ts'
import { carryOut, handsOn, sequenceOf } from './sequence.ts'

let lab: OlderLab

beforeAll(async () => {
  lab = await startOlderLab()
})
afterAll(() => lab.close())

describe('beforehand', () => {
  test('what cannot be is refused, all of it, and neither Git nor the cluster is changed', async () => {
    const before = await lab.git('rev-parse', 'main')
    const missing = await lab.run('upgrade', ['--lab', '--to', '2.9.77', '--yes', '--json'])
    expect(missing.code).toBe(3)
    expect(missing.stderr).toMatch(/there is no Flux 2\.9\.77 in oci:.*; the nearest that exist are 2\.9\.5, 2\.9\.4, 2\.9\.3/)
    expect(documentOf(missing)).toMatchObject({ outcome: 'blocked', steps: [] })
    const operator = await lab.run('upgrade', ['--lab', '--operator', '9.9.9', '--yes'])
    expect(operator.code).toBe(3)
    expect(operator.stderr).toMatch(/there is no flux-operator 9\.9\.9 in oci:.*; the nearest that exist are 0\.59\.0/)
    expect(operator.stderr).not.toContain('the distribution artifact') // which is missing too, and follows

    const older = await lab.run('upgrade', ['--lab', '--to', '2.8.0', '--yes'])
    expect(older).toMatchObject({ code: 3, stderr: expect.stringContaining('Flux 2.8.0 is older than 2.9.4, which runs') })
    expect(older.stderr).toContain('npx zx scripts/rollback.ts --lab --context lab-infra --to 2.8.0')

    const listed = await lab.run('upgrade', ['--lab', '--list', '--json'])
    const here = { running: { flux: '2.9.4', operator: '0.59.0' }, notKnown: [] }
    const common = { operator: '0.59.0', kubernetes: '1.33', isKubernetesKnown: true, blockedBy: [] }
    expect(documentOf(listed), listed.stderr).toMatchObject({ outcome: 'done', ...here })
    expect(documentOf(listed)).toMatchObject({
      versions: [
        { ...common, flux: '2.9.4', isHere: true },
        { ...common, flux: '2.9.5', isHere: false },
      ],
    })

    const nothing = await lab.run('upgrade', ['--lab', '--yes'])
    expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining('upgrade to which version?') })

    const planned = await lab.run('upgrade', [...wanted, '--dry-run'])
    expect(documentOf(planned)).toMatchObject({ outcome: 'planned', exitCode: 0 })
    expect(planned.stderr).toContain('flux_version 2.9.4 becomes 2.9.5')

    const cluster = await lab.cluster('lab-infra')
    const release = { ...fluxKinds.helmRelease, namespace, name: 'flux-instance' }
    const instance = { ...fluxKinds.fluxInstance, namespace, name: 'flux' }
    await cluster.patch(release, { spec: { suspend: true } })
    await cluster.patch(instance, { metadata: { annotations: { 'fluxcd.controlplane.io/reconcile': 'disabled' } } })
    const suspended = await lab.run('upgrade', wanted)
    expect(suspended).toMatchObject({ code: 3, stderr: expect.stringContaining('HelmRelease flux-system/flux-instance is suspended') })
    expect(suspended.stderr).toContain("FluxInstance flux-system/flux is suspended by flux-runbook (this project's scripts)")
    await cluster.patch(release, { spec: { suspend: null } })
    await cluster.patch(instance, { metadata: { annotations: { 'fluxcd.controlplane.io/reconcile': null } } })

    expect(await lab.git('rev-parse', 'main')).toBe(before)
    expect(await tags(cluster)).toEqual(oldTags)
  })

  test('an image that does not start, or cannot be tried, is an end before anything is changed', async () => {
    const cluster = await lab.cluster('lab-infra')
    const state = async (): Promise<unknown> => ({
      git: await lab.git('rev-parse', 'main'),
      deployments: (await cluster.list(kinds.deployment, { namespace })).map(({ metadata }) => [metadata.name, metadata.generation]),
      pods: (await cluster.list(kinds.pod, { namespace })).map(({ metadata }) => metadata.uid),
    })
    const before = await state()
    await lab.setFault('image=source-controller:v1.9.5')
    const killed = lab.start('upgrade', wanted)
    await killed.said('◎ Start the images of Flux 2.9.5')
    killed.kill('SIGKILL')
    await killed.ended
    const blocked = await lab.run('upgrade', [...wanted, '--resume'])
    expect(blocked, blocked.stderr).toMatchObject({ code: 3 })
    const { outcome, error, steps } = documentOf(blocked)
    expect(outcome).toBe('blocked')
    expect(steps).toMatchObject([{ id: 'image-check', state: 'failed' }])
    expect(error?.message).toMatch(
      /^the image (\S+\/source-controller:v1\.9\.5) does not start: ErrImagePull: .*not found \(the lab's fault .* is set\)\. Nothing was changed, and the pods of the check are removed$/,
    )
    expect(error?.remedy).toBe(
      'push the image there, or choose another version; or without this check: npx zx scripts/upgrade.ts --lab --context lab-infra --to 2.9.5 --no-image-check',
    )
    expect(await state()).toEqual(before)
    await lab.clearFaults()

    const older = await lab.run('rollback', ['--lab', '--to', '2.9.3', '--yes', '--json'])
    expect(older, older.stderr).toMatchObject({ code: 3 })
    expect(documentOf(older).error?.message).toContain('source-controller:v1.9.3 does not start: ErrImagePull: ')

    const quota = {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'full', namespace },
      spec: { hard: { 'requests.cpu': '1m' } },
    }
    const made = await cluster.apply(parseObject(quota))
    await lab.kubectl('--namespace', namespace, 'wait', 'resourcequota/full', '--for=jsonpath={.status.hard}', '--timeout=60s')
    const refused = await lab.run('upgrade', [...wanted, '--fresh'])
    await cluster.remove(refOf(made), { uid: made.metadata.uid ?? '' })
    expect(refused, refused.stderr).toMatchObject({ code: 3 })
    expect(documentOf(refused).error?.message).toMatch(
      /could not be checked: its pod was refused: pods "image-check-\S+" is forbidden: exceeded quota: full/,
    )
    expect(await state()).toEqual(before)
  })
})

describe('from 2.9.4 to 2.9.5', () => {
  beforeEach(() => lab.reset('old'))

  test('ends with Git and the cluster agreed; then there is nothing to do; and back by rollback', async () => {
    const before = await lab.git('show', `main:${settings}`)
    const cluster = await lab.cluster('lab-infra')
    const running = lab.start('upgrade', wanted)
    await running.said('\n')
    running.hangUp() // as `2>&1 | head -1` does: it continues to its end
    const document = documentOf(await running.ended)
    expect(document).toMatchObject({ outcome: 'done', exitCode: 0, from: '2.9.4', to: '2.9.5' })
    expect(document.steps.find(({ id }) => id === 'image-check')?.detail).toMatch(/^source-controller v1\.9\.5, .* start$/)
    expect(await cluster.get({ ...kinds.lease, namespace: 'kube-system', name: 'flux-runbook' })).toBeUndefined()
    expect(await tags(cluster)).toEqual(newTags)
    expect(await lab.git('show', `main:${settings}`)).toBe(before.replace('flux_version: "2.9.4"', 'flux_version: "2.9.5"'))
    expect(await lab.git('log', '-1', '--format=%s', 'main')).toBe('chore(flux): upgrade Flux to v2.9.5')
    expect(await lab.git('diff', '--name-only', 'main~1', 'main')).toBe(settings)
    const pauses = v.parse(controllersSchema, document).controllers
    expect(pauses.map(({ name, to }) => `${name}:${to}`).sort()).toEqual(newTags)
    for (const { pauseMs } of pauses) expect(pauseMs).toBeLessThan(30_000)

    const again = await lab.done('upgrade', wanted)
    expect(documentOf(again)).toMatchObject({ outcome: 'unchanged', exitCode: 0 })

    const back = await lab.done('rollback', ['--lab', '--yes', '--json'])
    expect(documentOf(back)).toMatchObject({ outcome: 'done', from: '2.9.5', to: '2.9.4' })
    expect(await tags(cluster)).toEqual(oldTags)
    expect(await lab.git('show', `main:${settings}`)).toBe(before)
    expect(await unready(cluster)).toEqual([])
    expect(documentOf(await lab.done('rollback', ['--lab', '--to', '2.9.4', '--yes', '--json']))).toMatchObject({ outcome: 'unchanged' })

    expect((await runEvents(cluster)).sort()).toEqual(['rollback from 2.9.5 to 2.9.4', 'upgrade from 2.9.4 to 2.9.5'])
  })

  test('a tenant’s trouble neither blocks the run, nor rolls the upgrade back where it begins meanwhile', async () => {
    const cluster = await lab.cluster('lab-infra')
    await lab.kubectl('create', 'configmap', 'awaited')
    await cluster.apply(tenant('broken', './kubernetes/nowhere'))
    await cluster.apply(tenant('flaking', './kubernetes/rbac'))
    await lab.kubectl(...tenants, 'wait', 'kustomization/broken', '--for=condition=Ready=False', '--timeout=90s')
    await lab.kubectl(...tenants, 'wait', 'kustomization/flaking', '--for=condition=Ready', '--timeout=90s')
    const running = lab.start('upgrade', wanted)
    await running.said('⚠ not healthy before, and not part of Flux itself: Kustomization flux-system/broken: ArtifactFailed: ')
    await running.said('✔ Change the version in Git')
    await lab.kubectl('delete', 'configmap', 'awaited')
    await requestReconcile(cluster, { ...fluxKinds.kustomization, namespace, name: 'flaking' })
    const document = documentOf(await running.ended)
    expect(document).toMatchObject({ outcome: 'done', exitCode: 0 })
    expect(document.steps.find(({ id }) => id === 'verify')?.detail).toMatch(
      /; not Ready for reasons of their own: Kustomization flux-system\/flaking: (HealthCheckFailed|Progressing): .*; the flux CLI reports the same version$/s,
    )
  })

  test('proposed on a branch, it waits for the merge, and then follows; and so does the rollback', async () => {
    // Not merged in time, it stops: nothing is rolled back, since nothing was changed but the branch.
    const late = await lab.run('upgrade', [...wanted, '--branch', 'upgrade-flux', '--timeout', '10s'])
    const open = 'Flux still runs 2.9.4; branch upgrade-flux is open, and is not merged into main'
    expect(documentOf(late), late.stderr).toMatchObject({
      outcome: 'failed',
      exitCode: 1,
      error: { message: expect.stringContaining(open) },
    })
    expect(late.stderr).toContain('--to 2.9.5 --branch upgrade-flux --resume')
    const stopped = lab.start('upgrade', [...wanted, '--resume'])
    await stopped.said(/^◎ Wait until upgrade-flux is merged into main/m)
    stopped.kill('SIGINT')
    expect(await stopped.ended).toMatchObject({ code: 130, stderr: expect.stringContaining(open) })
    const running = lab.start('upgrade', [...wanted, '--resume'])
    await running.said(
      /^◎ Wait until upgrade-flux is merged into main: someone to open and merge the pull request: for branch upgrade-flux/m,
    )
    expect(await lab.gitVersion()).toBe('"2.9.4"')
    await lab.git('update-ref', 'refs/heads/main', 'refs/heads/upgrade-flux')
    const ended = await running.ended
    expect(documentOf(ended)).toMatchObject({ outcome: 'done', exitCode: 0, from: '2.9.4', to: '2.9.5' })
    const report = readFileSync(/report: (\S+report\.md)/.exec(ended.stderr)?.[1] ?? '', 'utf8')
    expect(report).toContain('# upgrade on lab-infra: done')
    expect(report.match(/^\| \d \| \S+Z \| .* \| (failed|cancelled|done) \|$/gm)).toHaveLength(3)
    expect(report).toMatch(/Propose the version in Git, on branch upgrade-flux \| done \|/)
    expect(report).toMatch(/^- source-controller v1\.9\.4 → v1\.9\.5: unavailable for /m)

    const back = lab.start('rollback', ['--lab', '--yes', '--json', '--branch', 'upgrade-flux'])
    await back.said('someone to open and merge the pull request: for branch upgrade-flux-rollback')
    // The cluster does not wait for the merge, and stays back until then.
    const cluster = await lab.cluster('lab-infra')
    expect(await tags(cluster)).toEqual(oldTags)
    expect(await unready(cluster)).toEqual(['HelmRelease flux-system/flux-instance'])
    expect(await lab.gitVersion()).toBe('"2.9.5"')
    await lab.git('update-ref', 'refs/heads/main', 'refs/heads/upgrade-flux-rollback')
    expect(documentOf(await back.ended)).toMatchObject({ outcome: 'done', from: '2.9.5', to: '2.9.4' })
    expect(await unready(cluster)).toEqual([])
    expect(await lab.git('log', '-1', '--format=%s', 'main')).toBe('Revert "chore(flux): upgrade Flux to v2.9.5"')
  })
})

const tenants = ['--namespace', namespace]

/** A tenant's Kustomization that is Ready as long as there is a ConfigMap `awaited`. */
function tenant(name: string, path: string): KubeObject {
  const sourceRef = { kind: 'GitRepository', name: namespace }
  const healthChecks = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'awaited', namespace: 'default' }]
  const spec = { interval: '10m', retryInterval: '5s', timeout: '3s', prune: true, path, sourceRef, healthChecks }
  return parseObject({ ...fluxKinds.kustomization, metadata: { name, namespace }, spec })
}

const controllersSchema = v.object({
  controllers: v.array(v.object({ name: v.string(), from: v.string(), to: v.string(), pauseMs: v.number() })),
})

// Two of those that people may do; test/long/sequences.test.ts has fifty, with upgrades among them. SEQUENCES=7,8 chooses others by their seeds.
describe('what people have done before', () => {
  beforeEach(async () => {
    await lab.reset('old')
    forgetRuns(lab)
    await untilRunning(lab)
  })
  const seeds = (process.env.SEQUENCES ?? '10,41').split(',').map(Number)
  test.each(seeds)('is no reason to touch a healthy cluster: sequence %i', async (seed) => {
    const sequence = sequenceOf(seed, 3)
    console.log(`sequence ${seed}: ${sequence.join(', ')}`)
    expect(await carryOut(await handsOn(lab, await lab.cluster('lab-infra')), sequence)).toBeGreaterThan(0)
  })
})
