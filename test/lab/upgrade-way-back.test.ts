import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { kinds } from '../../lib/cluster/objects.ts'
import { documentOf, type Ended, untilRunning } from './harness.ts'
import { namespace, type OlderLab, oldTags, startOlderLab, tags, unready, wanted } from './older-flux.ts'

// An upgrade that does not come to run goes back by itself, whatever else fails meanwhile.
let lab: OlderLab

beforeAll(async () => {
  lab = await startOlderLab()
})
afterAll(() => lab.close())
beforeEach(async () => {
  await lab.reset('old')
  await untilRunning(lab)
})

/** That a run ended green on the old version: exit code 5, Git reverted, nothing suspended or stalled. */
async function expectRolledBack(ended: Ended): Promise<void> {
  expect(ended, ended.stderr).toMatchObject({ code: 5 })
  expect(documentOf(ended)).toMatchObject({ outcome: 'rolled-back', exitCode: 5, from: '2.9.4', to: '2.9.5' })
  const cluster = await lab.cluster('lab-infra')
  expect(await tags(cluster)).toEqual(oldTags)
  expect(await unready(cluster)).toEqual([])
  expect(await lab.gitVersion()).toBe('"2.9.4"')
  expect(await lab.git('log', '-1', '--format=%s', 'main')).toBe('Revert "chore(flux): upgrade Flux to v2.9.5"')
}

test('goes back by itself from a source-controller that cannot run, killed on the way forth and on the way back', async () => {
  await lab.setFault('image=source-controller:v1.9.5')
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
  await lab.setFault('crash=helm-controller')
  const running = lab.start('upgrade', [...wanted, '--timeout', '75s'])
  await running.said(/helm-controller v1\.6\.3 → v1\.6\.4 .*CrashLoopBackOff/)
  await lab.setFault('api-down')
  await running.said('waiting: the Kubernetes API cannot be reached')
  await new Promise((resolve) => setTimeout(resolve, 20_000)) // how long the API is away is what is tested
  await lab.clearFaults('api-down')
  await running.said('◎ Put Flux back to 2.9.4')
  await lab.clearFaults() // the old program does not crash
  await expectRolledBack(await running.ended)
})

test('goes back while the registry is down, by the manifests inside the operator', async () => {
  const running = lab.start('upgrade', [...wanted, '--timeout', '45s'])
  await running.said('◎ Change the version in Git')
  await lab.setFault('registry-down')
  await running.said('✔ Put Flux back to 2.9.4')
  await lab.clearFaults('registry-down')
  await expectRolledBack(await running.ended)
  // The operator would have tried again after as long as the registry was away: it was asked to do so now.
  const instance = await (await lab.cluster('lab-infra')).get({ ...kinds.fluxInstance, namespace, name: 'flux' })
  expect(instance?.metadata.annotations).toHaveProperty(['reconcile.fluxcd.io/requestedAt'])
})

test('with Git gone right after the push, is back on the old version and waits for Git; then finishes', async () => {
  await lab.setFault('image=helm-controller:v1.6.4')
  const running = lab.start('upgrade', [...wanted, '--timeout', '40s'])
  await running.said('✔ Change the version in Git')
  await running.said('◎ Follow the rollout')
  await lab.setFault('git-down')
  const ended = await running.ended
  expect(ended, ended.stderr).toMatchObject({ code: 1 })
  const { error } = documentOf(ended)
  expect(error?.message).toMatch(
    /; and putting Flux back to 2\.9\.4 failed: Git still says the new version, since it could not be changed for 40\.?0? s: .*\. The cluster runs the old version, and its HelmRelease is suspended so that it stays there\. Now: FluxInstance flux-system\/flux asks for 2\.9\.4 and has applied 2\.9\.4; all controllers are available; HelmRelease flux-system\/flux-instance is suspended; what Git says is not known: /,
  )
  const commit = await lab.git('rev-parse', 'main')
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
  await lab.clearFaults('git-down')
  await expectRolledBack(await resumed.ended)
})
