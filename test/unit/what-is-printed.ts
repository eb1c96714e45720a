import { afterAll, expect, inject } from 'vitest'
import { OperatorError } from '../../lib/base/errors.ts'
import { ambiguousCalls } from '../ambiguous-calls.ts'
import { refusedCalls } from '../own-calls.ts'
import { misread, printedCommands } from '../printed-commands.ts'
import { hear, takeHeard } from '../recording-console.ts'
import { unknownTrials } from '../trial.ts'

/** Notes what an error says, which a person would read. */
class Heard extends Error {
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options)
    // The remedy is set after this.
    queueMicrotask(() => {
      const remedy = this instanceof OperatorError ? this.remedy : undefined
      hear(remedy === undefined ? `✗ ${this.message}` : `✗ ${this.message}\n  → ${remedy}`)
    })
  }
}
Object.setPrototypeOf(OperatorError, Heard)

// What the tests of a file have printed for people to paste is read by bash as it was meant, and our own scripts take it. What is for other
// programs is in the list of commands that the lab tries (test/lab/printed.test.ts).
afterAll(() => {
  const said = takeHeard()
  const commands = printedCommands(said)
  expect(misread(said)).toEqual([])
  expect(refusedCalls(commands, inject('helpPages'))).toEqual([])
  expect(ambiguousCalls(commands)).toEqual([])
  const untried = unknownTrials(commands).map(({ program, words }) => [program, ...words].join(' '))
  expect(untried, 'to be put into test/fixtures/printed-commands.txt').toEqual([])
})
