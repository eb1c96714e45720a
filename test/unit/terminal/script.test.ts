import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { messageOf } from '../../../lib/base/errors.ts'
import { interruptible } from '../../../lib/terminal/main.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
let others: Map<NodeJS.Signals, unknown[]>
let exits: unknown[]

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
  others = new Map(signals.map((signal) => [signal, process.listeners(signal)]))
  exits = []
  vi.spyOn(process, 'exit').mockImplementation((code) => {
    exits.push(code)
    throw new Error('the process would have ended')
  })
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  for (const signal of signals) {
    for (const listener of process.listeners(signal)) if (others.get(signal)?.includes(listener) === false) process.off(signal, listener)
  }
})

test.each(signals)('%s stops a run in good order', (signal) => {
  const run = interruptible()
  process.emit(signal, signal)
  expect(run.aborted).toBe(true)
  expect(messageOf(run.reason)).toBe('stopped')
})

test('only Ctrl-C by a person a second time ends it at once: no echo by npx, no second hang-up, no supervisor', () => {
  interruptible()
  process.emit('SIGINT', 'SIGINT')
  process.emit('SIGINT', 'SIGINT') // npx passes on what the terminal has sent to both
  vi.advanceTimersByTime(3000)
  process.emit('SIGHUP', 'SIGHUP')
  process.emit('SIGTERM', 'SIGTERM')
  expect(exits).toEqual([])
  expect(() => process.emit('SIGINT', 'SIGINT')).toThrow('the process would have ended')
  expect(exits).toEqual([130])
})
