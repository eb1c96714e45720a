import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { memoryLimitOf, watchMemory } from '../../../lab/node/memory.ts'
import { podOf } from '../node-pod.ts'

const [limited, unlimited] = podOf({
  spec: {
    containers: [
      { name: 'a', image: 'x', resources: { limits: { memory: '128Mi' } } },
      { name: 'b', image: 'x' },
    ],
  },
}).spec.containers

test('the limit is the container’s, in bytes', () => {
  expect(limited && memoryLimitOf(limited)).toBe(128 * 2 ** 20)
  expect(unlimited && memoryLimitOf(unlimited)).toBeUndefined()
})

/** A process that holds as much memory as this, and says so. */
async function holding(megabytes: number): Promise<number> {
  const hold = `const held = Buffer.alloc(${megabytes} * 2 ** 20, 1); console.log(held.length); setInterval(() => held, 1e6)`
  const child = spawn(process.execPath, ['-e', hold], { stdio: ['ignore', 'pipe', 'ignore'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child.pid ?? 0
}

test('a process that holds more than its limit is found, and one that does not is not', async () => {
  const pid = await holding(96)
  const over = new AbortController()
  await new Promise<void>((exceeded) => void watchMemory(pid, 64 * 2 ** 20, over.signal, exceeded))
  const within = watchMemory(pid, 2 ** 40, over.signal, () => expect.unreachable())
  over.abort()
  await within
})

test('a process that is gone is watched no more', async () => {
  await watchMemory(2 ** 30, 1, new AbortController().signal, () => expect.unreachable())
})
