import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { documentOf, untilRunning } from '../lab/harness.ts'
import { expectRolledBack, namespace, newTags, type OlderLab, startOlderLab, tags, unready, wanted as upgrade } from '../lab/older-flux.ts'

// The rarer ways in which an upgrade or a rollback does not start.
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

test('rolls back at once from an image that does not exist, killed on the way forth and on the rollback', async () => {
  await lab.setFault('image=source-controller:v1.9.5')
  const first = lab.start('upgrade', wanted)
  await first.said(/source-controller v1\.9\.4 → v1\.9\.5 0\/1: (ErrImagePull|ImagePullBackOff)/)
  first.kill('SIGKILL')
  await first.ended
  // Not at --timeout, which is ten minutes.
  const second = lab.start('upgrade', [...wanted, '--resume'])
  await second.said(
    /^✗ Deployment flux-system\/source-controller cannot run: there is no image \S+\/source-controller:v1\.9\.5\S* \(failed/m,
  )
  await second.said('◎ Roll Flux back to 2.9.4')
  second.kill('SIGKILL')
  await second.ended
  await expectRolledBack(lab, await lab.run('upgrade', [...wanted, '--timeout', '90s', '--resume']))
})

test('rolls back while the registry is down, by the manifests inside the operator', async () => {
  const running = lab.start('upgrade', [...wanted, '--timeout', '45s'])
  await running.said('◎ Change the version in Git')
  await lab.setFault('registry-down')
  await running.said('✔ Roll Flux back to 2.9.4')
  await lab.clearFaults('registry-down')
  await expectRolledBack(lab, await running.ended)
  // The operator would have tried again after as long as the registry was away: it was asked to do so now.
  const instance = await (await lab.cluster('lab-infra')).get({ ...fluxKinds.fluxInstance, namespace, name: 'flux' })
  expect(instance?.metadata.annotations).toHaveProperty(['reconcile.fluxcd.io/requestedAt'])
})

/** No lab has the images of 2.9.3. */
const toMissing = ['--lab', '--to', '2.9.3', '--yes', '--no-image-check', '--json']
const thereIsNone = String.raw`Deployment flux-system/[a-z]+-controller cannot run: there is no image \S+-controller:v1\.\S+ \(failed to resolve reference "\S+": \S+: not found\)`

test('a rollback to images that do not exist, from a version that does not run either, restores what Git and the FluxInstance said, as recover does', async () => {
  await lab.setFault('image=source-controller:v1.9.5')
  const broken = await lab.run('upgrade', [...wanted, '--no-rollback'])
  expect(broken, broken.stderr).toMatchObject({ code: 1 })
  expect(documentOf(broken).error?.message).toMatch(new RegExp(`^${thereIsNone}$`))
  const before = await lab.git('rev-parse', 'main')
  const cluster = await lab.cluster('lab-infra')
  // What recover rolls back to must exist as well.
  await lab.setFault('image=source-controller:v1.9.4')
  const recovering = await lab.run('recover', ['--lab', '--yes', '--json'])
  expect(recovering, recovering.stderr).toMatchObject({ code: 5 })
  expect(documentOf(recovering)).toMatchObject({ disasters: [{ id: 'upgrade-broken' }] })
  expect(documentOf(recovering).error?.message).toMatch(new RegExp(`^${thereIsNone}\\. Everything is as it was before$`))
  expect(await unready(cluster)).toEqual([])
  const ended = await lab.run('rollback', toMissing)
  expect(ended, ended.stderr).toMatchObject({ code: 5 })
  const { outcome, error } = documentOf(ended)
  expect(outcome).toBe('rolled-back')
  expect(error?.message).toMatch(new RegExp(`^${thereIsNone}\\. Everything is as it was before$`))
  expect(error?.remedy).toBe(
    'find out why, fix it, then: npx zx scripts/rollback.ts --lab --to 2.9.3 --yes --no-image-check --json; or choose another version: npx zx scripts/rollback.ts --lab --context lab-infra --to X.Y.Z',
  )
  expect(await lab.git('rev-parse', 'main')).toBe(before)
  expect(await unready(cluster)).toEqual([])
  const instance = await cluster.get({ ...fluxKinds.fluxInstance, namespace, name: 'flux' })
  expect(instance?.spec).toMatchObject({ distribution: { version: '2.9.5' } })
  await lab.clearFaults() // the image has come since
  await expect.poll(() => tags(cluster), { timeout: 60_000 }).toEqual(newTags)
})
