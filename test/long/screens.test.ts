import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openHand } from '../lab/by-hand.ts'
import { placeCaptureKey } from '../lab/capture-key.ts'
import { startOlderLab, type OlderLab } from '../lab/older-flux.ts'
import { type Person, personOf } from '../lab/person.ts'
import { untilRunning } from '../lab/harness.ts'

// Each screen of a procedure as a person sees it in 80 columns, who presses Ctrl-C at one question after the other: every command that stands
// there is pasted as it is, where it would change something as a dry run. The current context is of a server that does not exist, so a
// command that does not name its cluster fails.
let lab: OlderLab

beforeAll(async () => {
  lab = await startOlderLab()
})
afterAll(() => lab.close())

/** A person before the cluster as Flux 2.9.4 runs there. */
async function person(): Promise<Person> {
  await lab.reset('old')
  await untilRunning(lab)
  const hand = await openHand(lab)
  await placeCaptureKey(hand, join(hand.home, 'keys', 'capture.txt'))
  const one = await personOf(hand)
  onTestFinished(one.leaves)
  return one
}

const last = (screens: readonly string[]): string => screens.at(-1) ?? ''

test('bootstrap, of a cluster without Flux', async () => {
  const { stopsEverywhere } = await person()
  await lab.done('teardown', ['--lab', '--yes', '--destroy=lab-infra'])
  const screens = await stopsEverywhere('bootstrap.ts --context infra', 'infra')
  expect(screens[0]).toContain('✗ stopped; nothing was changed')
  expect(screens.length).toBeGreaterThan(4)
  expect(last(screens)).toContain('✔ bootstrap on infra: done')
})

test('rebuild', async () => {
  const { stopsEverywhere } = await person()
  const screens = await stopsEverywhere('rebuild.ts --context infra', 'infra')
  expect(screens.join()).toContain('✗ stopped; everything is as it was')
  expect(last(screens)).toContain('✔ rebuild on infra: done')
})

test('upgrade', async () => {
  const { stopsEverywhere } = await person()
  const screens = await stopsEverywhere('upgrade.ts --context infra --to 2.9.5', 'infra')
  expect(last(screens)).toContain('✔ upgrade on infra: done')
})

test('recover, of an operator and controllers that are gone; health-check before and after', async () => {
  const { stopsEverywhere, reads, types } = await person()
  expect(await reads(types('health-check.ts --context infra'), 0)).toContain('✔ health-check on infra: healthy')
  expect(await reads(types('recover.ts --context infra'), 0)).toContain('nothing to recover: Flux is healthy')
  await lab.kubectl('--namespace=flux-system', 'delete', 'deployments', 'flux-operator', 'source-controller', 'helm-controller')
  expect(await reads(types('health-check.ts --context infra'), 1)).toContain('✗ flux-operator: does not run')
  const screens = await stopsEverywhere('recover.ts --context infra', 'infra')
  expect(last(screens)).toContain('✔ recover on infra: done')
})
