import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openHand, readPrinted, rollBackByHand } from '../lab/by-hand.ts'
import { type TestLab, untilRunning } from '../lab/harness.ts'
import { applied, startMinorLab, uids } from '../lab/minor-flux.ts'

let lab: TestLab

beforeAll(async () => {
  lab = await startMinorLab(['infra'])
})
afterAll(() => lab.close())

test('by hand, as it is printed: 2.7.0 → 2.9.5, and the rollback of each document', async () => {
  const infra = await lab.cluster('lab-infra')
  const before = await uids(infra)
  const hand = await openHand(lab)
  onTestFinished(hand.close)
  await untilRunning(lab)
  const printed = await readPrinted('docs/runbooks/flux-upgrade.md')
  hand.edit('kubernetes/clusters/infra/settings.yaml', (text) => text.replace('flux_version: "2.7.0"', 'flux_version: "2.9.5"'))
  await hand.type(printed, printed.section('## Upgrade', '### By hand'))
  expect(await applied(infra)).toBe('2.9.5')
  await lab.snapshot('new')
  await rollBackByHand(hand, '2.7.0', true)
  expect(await applied(infra)).toBe('2.7.0')
  expect(await uids(infra)).toEqual(before)

  await lab.reset('new')
  const other = await openHand(lab)
  onTestFinished(other.close)
  await untilRunning(lab)
  const own = await readPrinted('docs/runbooks/flux-self-management.md')
  const back = own.section('### Rollback by hand')
  await other.type(own, back.slice(back.findLastIndex(({ words }) => words.includes('revert'))))
  expect(await applied(infra)).toBe('2.7.0')
  expect(await uids(infra)).toEqual(before)
})
