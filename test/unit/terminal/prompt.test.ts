import { PassThrough } from 'node:stream'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { OperatorError } from '../../../lib/base/errors.ts'
import { choose } from '../../../lib/terminal/prompt.ts'

const { prompt } = vi.hoisted(() => ({ prompt: vi.fn() }))
vi.mock('enquirer', () => ({ default: { prompt } }))

let stdin: PassThrough & { isTTY: boolean; setRawMode: (raw: boolean) => void }
let raw: boolean | undefined

beforeEach(() => {
  raw = undefined
  const setRawMode = (to: boolean): void => {
    raw = to
    if (stdin.destroyed) stdin.emit('error', new Error('setRawMode EIO')) // as a terminal that has closed does
  }
  stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode })
  const [input, output] = [process.stdin, process.stderr.isTTY]
  Object.defineProperty(process, 'stdin', { value: stdin, configurable: true })
  process.stderr.isTTY = true
  onTestFinished(() => {
    Object.defineProperty(process, 'stdin', { value: input, configurable: true })
    process.stderr.isTTY = output
  })
})

const cancelled = new OperatorError('cancelled at the prompt', { kind: 'cancelled' })

test.each<[string, () => void]>([
  ['a terminal that hangs up', () => process.emit('SIGHUP', 'SIGHUP')],
  ['a script that is asked to stop', () => process.emit('SIGTERM', 'SIGTERM')],
  ['a terminal that has closed', () => void stdin.destroy()],
])('%s answers a question as Ctrl-C does, whatever enquirer waits for', async (_, end) => {
  const ignore = (): void => undefined
  process.on('SIGHUP', ignore).on('SIGTERM', ignore)
  onTestFinished(() => void process.off('SIGHUP', ignore).off('SIGTERM', ignore))
  prompt.mockImplementation(() => {
    // readline throws what its input says of errors.
    stdin.on('error', (error) => {
      throw error
    })
    end()
    return new Promise(() => undefined)
  })
  await expect(choose('What now?', [{ name: 'run', message: 'Run this step' }])).rejects.toThrow(cancelled)
  expect(raw).toBe(false)
  expect(stdin.isPaused()).toBe(true)
})

test('an answer is taken, and no signal waited for any more', async () => {
  const before = process.listenerCount('SIGHUP')
  prompt.mockResolvedValue({ answer: 'Run this step' })
  expect(await choose('What now?', [{ name: 'run', message: 'Run this step' }])).toBe('run')
  expect(process.listenerCount('SIGHUP')).toBe(before)
  // What stays on the screen is what was chosen, in the words it was chosen by.
  expect(prompt).toHaveBeenLastCalledWith(
    expect.objectContaining({ prefix: '?', choices: [{ name: 'Run this step', message: 'Run this step' }] }),
  )
})
