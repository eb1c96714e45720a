import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootstrapping } from '../lab/ended-commands.ts'
import { endEach, endings, stepsOf } from '../lab/endings.ts'
import { startLab, type TestLab } from '../lab/harness.ts'

let lab: TestLab

beforeAll(async () => {
  lab = await startLab(['infra'])
  await lab.snapshot('empty')
})
afterAll(() => lab.close())

test.each(endings)('a bootstrap %s in every one of its steps comes to the same end, and never writes without the lock', async (ending) => {
  const command = bootstrapping(lab, () => lab.cluster('lab-infra'))
  await command.begin()
  const steps = await stepsOf(command)
  expect(steps.length).toBe(7)
  await endEach(
    command,
    steps.map((step) => [ending, step]),
  )
})
