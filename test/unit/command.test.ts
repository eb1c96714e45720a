import { expect, test } from 'vitest'
import { complaintOf, shell } from '../../lib/command.ts'

const env = { PATH: process.env.PATH ?? '' }
const input = 'x'.repeat(1_000_000) // more than a pipe holds

test('a command reads what it is given', async () => {
  const { stdout } = await shell(env)({ input })`wc -c`
  expect(stdout.trim()).toBe('1000000')
})

test('one that has ended before it was given anything is told of by its own words, and does not end the script', async () => {
  const { signal } = new AbortController()
  // Called between the start and the gift: time enough to end, as on a busy machine.
  signal.addEventListener = () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
  const failed = await shell(env, { signal, input })`echo "no such file" >&2; exit 3`.catch(complaintOf)
  expect(failed).toBe('no such file')
})
