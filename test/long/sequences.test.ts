import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { forgetRuns } from '../lab/endings.ts'
import { untilRunning } from '../lab/harness.ts'
import { type OlderLab, startOlderLab } from '../lab/older-flux.ts'
import { carryOut, handsOn, sequenceOf } from '../lab/sequence.ts'
import { passedTests } from './passed.ts'

// First, do no harm: whatever people have done before, the scripts leave a healthy cluster alone. SEQUENCES=7,8 chooses the seeds; without,
// those are left out that have passed on this very tree.
const chosen = process.env.SEQUENCES?.split(',').map(Number)
const passed = passedTests()
const title = 'a healthy cluster is left alone, sequence'
const seeds = chosen ?? Array.from({ length: 50 }, (_, at) => at + 1).filter((seed) => !passed.has(`${title} ${seed}`))

let lab: OlderLab
let cluster: Cluster

beforeAll(async () => {
  lab = await startOlderLab()
  cluster = await lab.cluster('lab-infra')
})
afterAll(() => lab.close())
beforeEach(async () => {
  await lab.reset('old')
  forgetRuns(lab)
  await untilRunning(lab)
})

test('at least five of the fifty sequences hold a real failure', () => {
  const sequences = Array.from({ length: 50 }, (_, at) => sequenceOf(at + 1, 6))
  expect(sequences.filter((one) => one.includes('broken commit') || one.includes('failed upgrade')).length).toBeGreaterThan(5)
})

test.each(seeds)(`${title} %i`, async (seed) => {
  const sequence = sequenceOf(seed, 6)
  console.log(`sequence ${seed}: ${sequence.join(', ')}`)
  expect(await carryOut(await handsOn(lab, cluster), sequence)).toBeGreaterThan(0)
})
