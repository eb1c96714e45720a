import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { documentOf, untilRunning } from '../lab/harness.ts'
import { expectAll, type OlderLab, startOlderLab, wanted } from '../lab/older-flux.ts'
import { makeThousand, untilReady } from './thousand-objects.ts'

let lab: OlderLab
let cluster: Cluster

beforeAll(async () => {
  lab = await startOlderLab()
  cluster = await lab.cluster('lab-infra')
  await lab.reset('old')
  await untilRunning(lab)
})
afterAll(() => lab.close())

// After the controllers' restart a thousand objects are reconciled, those that bring Flux among them. A wait of 40 s may well be too short for
// that: it is resumed then, as a person would. That the cluster is slow fails no upgrade.
test('a good upgrade among a thousand objects is never rolled back, however short --timeout is', async () => {
  await makeThousand(lab, cluster)
  await untilReady(cluster)
  const short = [...wanted, '--timeout', '40s']
  let ended = await lab.run('upgrade', short)
  for (let runs = 1; ended.code !== 0 && runs < 30; runs += 1) {
    expect(documentOf(ended), ended.stderr).toMatchObject({
      outcome: 'failed',
      error: { message: expect.stringMatching(/: not finished after 40.*Nothing has failed: .*\. Nothing is rolled back$/s) },
    })
    expect(ended.stderr).toMatch(/→ to continue from here, with a longer --timeout if necessary: .* --resume/)
    ended = await lab.run('upgrade', [...short, '--resume'])
  }
  expect(documentOf(ended), ended.stderr).toMatchObject({ outcome: 'done', from: '2.9.4', to: '2.9.5' })
  await untilReady(cluster)
  await expectAll(lab, '2.9.5')
})
