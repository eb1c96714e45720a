import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import * as v from 'valibot'
import { bootstrappedLab, type TestLab, untilRunning } from '../lab/harness.ts'

let lab: TestLab

beforeAll(async () => {
  lab = await bootstrappedLab()
})
afterAll(() => lab.close())
beforeEach(() => untilRunning(lab))

test('each-loss draws the same loss for the same seed, and sees them noticed and healed', async () => {
  const flags = ['--lab', '--scenario', 'each-loss', '--only', 'ServiceAccount,Service', '--sample', '1', '--seed', '5', '--json']
  const planned = await lab.run('drill', [...flags, '--dry-run'])
  expect(planned.code, planned.stderr).toBe(0)
  const ended = await lab.run('drill', flags)
  expect(ended.code, ended.stderr).toBe(0)
  const lossesSchema = v.object({
    losses: v.array(
      v.object({
        object: v.string(),
        damages: v.array(v.string()),
        noticed: v.nullable(v.string()),
        healedBy: v.string(),
        recoveredMs: v.number(),
        survived: v.boolean(),
      }),
    ),
  })
  const { losses } = v.parse(v.pipe(v.string(), v.parseJson(), lossesSchema), ended.stdout)
  expect(losses).toHaveLength(1)
  for (const { object, damages, survived, noticed } of losses) {
    expect(planned.stderr).toContain(`${object}: ${damages[0]}\n`)
    expect([survived, noticed]).toEqual([true, 'inventory'])
  }
})
