import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { takingDown } from '../lab/ended-commands.ts'
import { type Command, endEach, endings, stepsOf } from '../lab/endings.ts'

let commands: { readonly teardown: Command; readonly rebuild: Command; readonly close: () => Promise<void> }

beforeAll(async () => {
  commands = await takingDown()
})
afterAll(() => commands.close())

describe.each(['teardown', 'rebuild'] as const)('a %s', (name) => {
  test.each(endings)('%s in every one of its steps comes to the same end, and never writes without the lock', async (ending) => {
    const command = commands[name]
    await command.begin()
    const steps = await stepsOf(command)
    expect(steps.length).toBeGreaterThan(8)
    await endEach(
      command,
      steps.map((step) => [ending, step]),
    )
  })
})
