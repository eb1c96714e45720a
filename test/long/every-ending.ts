import { expect, test } from 'vitest'
import { type Command, endEach, endings, stepsOf } from '../lab/endings.ts'
import { passedTests } from './passed.ts'

const passed = passedTests()
/** ENDINGS_STEPS=PATTERN: only at the steps whose titles match it. */
const wanted = new RegExp(process.env.ENDINGS_STEPS ?? '')

/** One test for each ending, at every step of the command's plan; those are left out that have passed on this very tree. */
export function testEveryEnding(script: string, { atLeast, commandOf }: { atLeast: number; commandOf: () => Promise<Command> }): void {
  const titleOf = (ending: string): string =>
    `${script}, ${ending} in each of its steps, comes to the same end, and never writes without the lock`
  const left = endings.filter((ending) => !passed.has(titleOf(ending)))
  for (const ending of left) {
    test(titleOf(ending), async () => {
      const command = await commandOf()
      await command.begin()
      const steps = await stepsOf(command)
      expect(steps.length).toBeGreaterThanOrEqual(atLeast)
      const chosen = steps.filter(({ title }) => wanted.test(title))
      await endEach(
        command,
        chosen.map((step) => [ending, step]),
      )
      console.log(`${script}: ${ending} at ${chosen.length} of ${steps.length} steps`)
    })
  }
}
