import { Readable } from 'node:stream'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Cluster, clusterAt } from '../../../lib/kubernetes/client.ts'
import { kinds } from '../../../lib/kubernetes/objects.ts'
import { type Endpoint, socketEndpoint } from '../../../lib/kubernetes/transport.ts'
import { waitUntil } from '../../../lib/kubernetes/wait-until.ts'
import { startApi } from '../api-server.ts'

const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }

afterEach(() => {
  vi.useRealTimers()
})

describe('a wait', () => {
  const nowhere = (signal = new AbortController().signal): Cluster => clusterAt(socketEndpoint('/nowhere'), patience, signal)
  /** A check that counts its calls. */
  function counting(): { check: () => Promise<number>; story: number[]; meanwhile: (seen: number) => void } {
    let taken = 0
    const story: number[] = []
    return { check: () => Promise.resolve((taken += 1)), story, meanwhile: (seen) => void story.push(seen) }
  }

  test('is over at the check that ends it, and reports those before', async () => {
    const { check, story, meanwhile } = counting()
    const wait = { watches: [], timeout: 60_000, every: 1, check: check, isOver: (seen: number) => seen === 3, meanwhile }
    expect(await waitUntil(nowhere(), wait)).toBe(3)
    expect(story).toEqual([1, 2])
  })

  test('without time checks once, and does nothing meanwhile', async () => {
    const { check, story, meanwhile } = counting()
    expect(await waitUntil(nowhere(), { watches: [], timeout: 0, check, isOver: () => false, meanwhile })).toBe(1)
    expect(await waitUntil(nowhere(), { watches: [], timeout: -1, check, isOver: () => false, meanwhile })).toBe(2)
    expect(story).toEqual([])
  })

  test('checks once more when its time is over, however long its part took', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { check, story } = counting()
    const meanwhile = (seen: number): void => {
      story.push(seen)
      vi.setSystemTime(Date.now() + 90_000)
    }
    expect(await waitUntil(nowhere(), { watches: [], timeout: 60_000, check, isOver: () => false, meanwhile })).toBe(2)
    expect(story).toEqual([1])
  })

  test('ends when the person cancels, and throws what the check throws', async () => {
    const cancel = new AbortController()
    const meanwhile = (): void => cancel.abort(new Error('cancelled'))
    const wait = { watches: [], timeout: 60_000, every: 1, isOver: () => false }
    await expect(waitUntil(nowhere(cancel.signal), { ...wait, check: () => Promise.resolve(), meanwhile })).rejects.toThrow('cancelled')
    await expect(waitUntil(nowhere(), { ...wait, check: () => Promise.reject(new Error('no')) })).rejects.toThrow('no')
  })
})

describe('a watch that ends at once', () => {
  const namespaces = { resources: [{ name: 'namespaces', kind: 'Namespace', namespaced: false }] }
  const list = { metadata: { resourceVersion: '7' }, items: [] }
  const bookmark = { type: 'BOOKMARK', object: { metadata: { resourceVersion: '8' } } }

  function answer(text: string): IncomingMessage {
    const message = Object.assign(new IncomingMessage(new Socket()), { statusCode: 200 })
    Readable.from([text])
      .on('data', (chunk) => message.push(chunk))
      .on('end', () => message.push(null))
    return message
  }

  /** Follows namespaces until it was opened as often as there are answers. Returns the pauses it made. */
  async function pausesOf(answers: readonly string[]): Promise<number[]> {
    const pauses: number[] = []
    vi.resetModules() // another file may have loaded it with real pauses
    vi.doMock('node:timers/promises', () => ({ setTimeout: (milliseconds: number) => Promise.resolve(void pauses.push(milliseconds)) }))
    onTestFinished(() => {
      vi.doUnmock('node:timers/promises')
      vi.resetModules()
    })
    const { watch } = await import('../../../lib/kubernetes/watch.ts')
    const stop = new AbortController()
    const left = [...answers]
    const endpoint: Endpoint = {
      origin: '',
      close: () => undefined,
      closed: new AbortController().signal,
      now: Date.now,
      exchange({ path }) {
        if (!path.includes('watch=true')) return Promise.resolve(answer(JSON.stringify(path.includes('namespaces') ? list : namespaces)))
        const next = left.shift()
        if (next === undefined) stop.abort()
        return Promise.resolve(answer(next ?? ''))
      },
    }
    const seen = []
    for await (const event of watch(clusterAt(endpoint, patience, stop.signal), kinds.namespace, {}, stop.signal)) seen.push(event)
    expect(seen).toEqual([{ type: 'all', objects: [] }])
    return pauses.slice(0, answers.length)
  }

  test('is opened again after ever longer pauses', async () => {
    expect(await pausesOf(['', '', '', '', '', '', ''])).toEqual([200, 400, 800, 1600, 3200, 5000, 5000])
  })

  test('is opened again soon where it brought something', async () => {
    expect(await pausesOf(['', '', `${JSON.stringify(bookmark)}\n`, ''])).toEqual([200, 400, 200, 400])
  })

  test('ends with the way to the API, or it would keep a process that has nothing left to do', async () => {
    const { watch } = await import('../../../lib/kubernetes/watch.ts')
    const { cluster, close } = await startApi({ '/api/v1': namespaces, '/api/v1/namespaces': list })
    onTestFinished(close)
    const seen: unknown[] = []
    for await (const event of watch(cluster, kinds.namespace, {}, new AbortController().signal)) {
      seen.push(event)
      cluster.endpoint.close()
    }
    expect(seen).toEqual([{ type: 'all', objects: [] }])
  })
})
