import { afterAll, beforeAll, expect, test } from 'vitest'
import { upgrading } from '../lab/ended-commands.ts'
import { endEach, endings, stepsOf } from '../lab/endings.ts'
import { type OlderLab, startOlderLab } from '../lab/older-flux.ts'

let lab: OlderLab

beforeAll(async () => {
  lab = await startOlderLab()
})
afterAll(() => lab.close())

test.each(endings)('an upgrade %s in every one of its steps comes to the same end, and never writes without the lock', async (ending) => {
  const command = await upgrading(lab)
  await command.begin()
  const steps = await stepsOf(command)
  expect(steps.map(({ title }) => title)).toHaveLength(6)
  await endEach(
    command,
    steps.map((step) => [ending, step]),
  )
})
