import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { ApiError } from '../../../lib/kubernetes/http.ts'
import { Addresses } from '../../../lab/node/addresses.ts'
import { persistently } from '../../../lab/node/persistently.ts'

vi.mock('node:timers/promises', { spy: true })

describe('a write to the API', () => {
  const attempt = async (...answers: (Error | undefined)[]): Promise<{ result: string; left: number; log: string[] }> => {
    const log: string[] = []
    const write = async (): Promise<void> => {
      const answer = answers.shift()
      if (answer !== undefined) throw answer
    }
    const result = await persistently('report on Pod a/b', write, new AbortController().signal, (text) => log.push(text))
    return { result, left: answers.length, log }
  }
  const refusal = (status: number, reason: string): ApiError => new ApiError(status, reason, reason)

  test('is repeated while the API is away, and says so', async () => {
    vi.mocked(pause).mockResolvedValueOnce(undefined)
    expect(await attempt(refusal(0, 'no answer'), undefined)).toEqual({ result: 'done', left: 0, log: ['report on Pod a/b: no answer'] })
    expect(pause).toHaveBeenCalledExactlyOnceWith(1000, undefined, expect.anything())
  })

  test.each([
    [refusal(404, 'NotFound'), []],
    [refusal(409, 'Conflict'), []],
    [refusal(422, 'Invalid'), ['report on Pod a/b: Invalid']],
    [new TypeError('a mistake of ours'), ['report on Pod a/b: a mistake of ours']],
  ])('is given up after %s', async (error, log) => {
    expect(await attempt(error, undefined)).toEqual({ result: 'given up', left: 1, log })
  })

  test('ends with the node', async () => {
    const stopped = AbortSignal.abort()
    expect(
      await persistently(
        'x',
        () => Promise.reject(new Error('never asked')),
        stopped,
        () => undefined,
      ),
    ).toBe('given up')
  })
})

test('no two pods have one address', () => {
  const addresses = new Addresses()
  addresses.reserve('10.244.0.2')
  expect(addresses.take('10.244.0.2')).toBe('10.244.0.2')
  const taken = Array.from({ length: 600 }, () => addresses.take(undefined))
  expect(new Set([...taken, '10.244.0.2']).size).toBe(601)
  expect(taken).not.toContain('10.244.0.2')
  for (const address of taken) expect(address).toMatch(/^10\.244\.[0-2]\.\d+$/)
})
