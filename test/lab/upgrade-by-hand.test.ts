import { afterAll, afterEach, beforeAll, beforeEach, test } from 'vitest'
import { type Hand, openHand, readPrinted, rollBackByHand } from './by-hand.ts'
import { untilRunning } from './harness.ts'
import { expectAll, type OlderLab, settings, startOlderLab } from './older-flux.ts'

// What the documents tell people to type for an upgrade and its rollback, typed.
let lab: OlderLab
let hand: Hand

beforeAll(async () => {
  lab = await startOlderLab()
})
afterAll(() => lab.close())
beforeEach(async () => {
  await lab.reset('old')
  hand = await openHand(lab)
  await untilRunning(lab)
})
afterEach(() => hand.close())

const raise = (): void => hand.edit(settings, (text) => text.replace('flux_version: "2.9.4"', 'flux_version: "2.9.5"'))

test('flux-upgrade.md: to 2.9.5, and back in place', async () => {
  const printed = await readPrinted('docs/runbooks/flux-upgrade.md')
  raise()
  await hand.type(printed, printed.section('## Upgrade', '### By hand'))
  await expectAll(lab, '2.9.5')
  await rollBackByHand(hand, '2.9.4', false)
  await expectAll(lab, '2.9.4')
})
