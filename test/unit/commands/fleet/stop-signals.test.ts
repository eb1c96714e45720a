import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { listenForStops } from '../../../../lib/commands/fleet/stop-signals.ts'

let now = 0
let stops: ReturnType<typeof listenForStops>
let exits: unknown[]
beforeEach(() => {
  now = 0
  exits = []
  stops = listenForStops(() => now)
  vi.spyOn(process, 'exit').mockImplementation((code) => {
    exits.push(code)
    throw new Error('the process would have ended')
  })
})
afterEach(() => {
  stops.forget()
  vi.restoreAllMocks()
})

function send(signal: NodeJS.Signals, after: number): void {
  now += after
  process.emit(signal, signal)
}
const state = (): string => `${stops.stop.aborted ? 'stop' : ''} ${stops.cancel.aborted ? 'cancel' : ''}`.trim()

test('the first Ctrl-C begins no more, the second cancels, the third ends; an echo of one is none', () => {
  send('SIGINT', 0)
  send('SIGINT', 100)
  expect(state()).toBe('stop')
  send('SIGINT', 1000)
  send('SIGINT', 100)
  expect(state()).toBe('stop cancel')
  expect(exits).toEqual([])
  expect(() => send('SIGINT', 1000)).toThrow('the process would have ended')
  expect(exits).toEqual([130])
})

test('a terminal that closes stops, and never cancels; a supervisor that asks twice cancels, and never ends', () => {
  send('SIGHUP', 0)
  send('SIGHUP', 1000)
  expect(state()).toBe('stop')
  send('SIGTERM', 1000)
  send('SIGTERM', 1000)
  expect(state()).toBe('stop cancel')
  expect(exits).toEqual([])
})
