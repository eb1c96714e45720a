import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { documentOf, untilRunning } from './harness.ts'
import { expectRolledBack, type OlderLab, oldTags, startOlderLab, tags, unready, wanted as upgrade } from './older-flux.ts'

// An upgrade that does not start rolls back by itself, whatever else fails meanwhile; test/long/upgrade-rollback.test.ts has more ways.
let lab: OlderLab
/** What is to fail in the rollout must get there. */
const wanted = [...upgrade, '--no-image-check']

beforeAll(async () => {
  lab = await startOlderLab()
})
afterAll(() => lab.close())
beforeEach(async () => {
  await lab.reset('old')
  await untilRunning(lab)
})

test('rolls back from a controller that crashes, though the API is gone for 20 seconds meanwhile', async () => {
  await lab.setFault('crash=helm-controller')
  const running = lab.start('upgrade', wanted) // not at --timeout, which is ten minutes
  await running.said(/helm-controller v1\.6\.3 → v1\.6\.4 .*CrashLoopBackOff/)
  await lab.setFault('api-down')
  await running.said('waiting: the Kubernetes API cannot be reached')
  await new Promise((resolve) => setTimeout(resolve, 20_000)) // how long the API is away is what is tested
  await lab.clearFaults('api-down')
  await running.said(
    /^✗ Deployment flux-system\/helm-controller cannot run \S+:v1\.6\.4\S*: its container has exited \d+ times, the last time with exit code 1$/m,
  )
  await running.said('◎ Roll Flux back to 2.9.4')
  await lab.clearFaults() // the old program does not crash
  const ended = await running.ended
  await expectRolledBack(lab, ended)
  const { evidence } = v.parse(v.object({ evidence: v.string() }), documentOf(ended))
  expect(statSync(evidence).mode & 0o777).toBe(0o600)
  const kept = readFileSync(evidence, 'utf8')
  expect(kept).toMatch(
    /^## Log of helm-controller-\S+, container manager, the run before\n\nthe lab's fault crash is set for this Deployment/m,
  )
  // Backing off, or just started once more: either way its last end is kept.
  expect(kept).toMatch(/^## Pod helm-controller-[\s\S]*lastState:\n +terminated:\n +exitCode: 1\n/m)
  expect(kept).toMatch(/^## Events in flux-system\n\n\S+ Normal /m)
  expect(readFileSync(join(dirname(evidence), 'report.md'), 'utf8')).toContain(`as it was before: ${evidence}`)
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
    /; and rolling Flux back to 2\.9\.4 failed: Git still has the new version, because it could not be changed for 40\.?0? s: .*\. The cluster runs the old version, and its HelmRelease is suspended so that it stays there\. Now: FluxInstance flux-system\/flux asks for 2\.9\.4 and has applied 2\.9\.4; all controllers are available; HelmRelease flux-system\/flux-instance is suspended; what Git says is not known: /,
  )
  const commit = await lab.git('rev-parse', 'main')
  const { bin, kubeconfig } = await lab.access()
  const flux = `${bin}/flux --kubeconfig ${kubeconfig} --context lab-infra`
  expect(error?.remedy?.split('\n').map((line) => line.trim())).toEqual([
    'npx zx scripts/upgrade.ts --lab --context lab-infra --resume   # finishes all of it',
    `or by hand: git revert ${commit.slice(0, 12)} && git push   # flux_version: "2.9.4"`,
    `${flux} --namespace flux-system reconcile source git flux-system`,
    "npx zx scripts/lab.ts kubectl --context lab-infra -- --namespace flux-system wait helmrelease/flux-instance --for=jsonpath='{.spec.values.instance.distribution.version}'=2.9.4 --timeout=5m",
    `${flux} --namespace flux-system resume helmrelease flux-instance`,
  ])
  const cluster = await lab.cluster('lab-infra')
  expect(await tags(cluster)).toEqual(oldTags)
  expect(await unready(cluster)).toEqual(['HelmRelease flux-system/flux-instance'])

  const resumed = lab.start('upgrade', [...wanted, '--resume'])
  await resumed.said('trying again')
  await lab.clearFaults('git-down')
  await expectRolledBack(lab, await resumed.ended)
})

/** No lab has the images of 2.9.3. */
const toMissing = ['--lab', '--to', '2.9.3', '--yes', '--no-image-check', '--json']
const thereIsNone = String.raw`Deployment flux-system/[a-z]+-controller cannot run: there is no image \S+-controller:v1\.\S+ \(failed to resolve reference "\S+": \S+: not found\)`

test('a rollback to a version whose images do not exist restores what ran before it, killed on the way there too', async () => {
  const before = await lab.git('rev-parse', 'main')
  const killed = lab.start('rollback', toMissing)
  await killed.said(new RegExp(`^✗ ${thereIsNone}$`, 'm'))
  await killed.said('◎ Roll Flux back to 2.9.4')
  killed.kill('SIGKILL')
  await killed.ended
  const ended = await lab.run('rollback', [...toMissing, '--resume'])
  expect(ended, ended.stderr).toMatchObject({ code: 5 })
  expect(documentOf(ended)).toMatchObject({ outcome: 'rolled-back', exitCode: 5, from: '2.9.4', to: '2.9.3' })
  const cluster = await lab.cluster('lab-infra')
  expect(await tags(cluster)).toEqual(oldTags)
  expect(await unready(cluster)).toEqual([])
  expect(await lab.git('rev-parse', 'main')).toBe(before)
})
