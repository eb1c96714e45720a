import { describe, expect, test } from 'vitest'
import type { FleetCluster, Wave } from '../../../../lib/commands/fleet/fleet-file.ts'
import { runWaves, type ClusterState } from '../../../../lib/commands/fleet/schedule.ts'

function wave(name: string, clusters: string, more: Partial<Wave> = {}): Wave {
  const members = clusters.split(' ').map((one) => ({ name: one, context: one, cluster: undefined, line: 1 }))
  return { name, parallel: 1, soakMs: 0, maxFailures: 0, clusters: members, ...more }
}

/** A fleet whose clusters end when the test says so, with all that happened in order. */
function world(fails: readonly string[] = [], { unhealthy = [], done = [], soaked = [] }: Partial<Record<string, string[]>> = {}) {
  const log: string[] = []
  const standings = new Map<string, ClusterState>(done.map((name) => [name, 'done']))
  const running = new Map<string, () => void>()
  let most = 0
  let isStopping = false
  const run = async ({ name }: FleetCluster, what: string, bad: readonly string[]): Promise<void> => {
    log.push(`${what} ${name}`)
    const ended = new Promise<void>((resolve) => running.set(name, resolve))
    most = Math.max(most, running.size)
    if (isFree) running.get(name)?.()
    await ended
    running.delete(name)
    standings.set(name, bad.includes(name) ? 'failed' : 'done')
    log.push(`${standings.get(name)} ${name}`)
  }
  let isFree = true
  return {
    log,
    running,
    most: () => most,
    hold: () => void (isFree = false),
    stop: () => void (isStopping = true),
    go: (waves: readonly Wave[]) =>
      runWaves(waves, {
        standingOf: ({ name }) => standings.get(name) ?? 'not-begun',
        run: (cluster) => run(cluster, 'run', fails),
        check: (cluster) => run(cluster, 'check', unhealthy),
        hasSoaked: ({ name }) => soaked.includes(name),
        soak: ({ name }) => Promise.resolve(void log.push(`soak ${name}`)),
        passed: ({ name }) => void log.push(`passed ${name}`),
        isStopping: () => isStopping,
      }),
  }
}
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

describe('waves', () => {
  test('run in their order, each when the one before is done, soaked and still healthy', async () => {
    const { go, log } = world()
    expect(await go([wave('canary', 'a', { soakMs: 1 }), wave('rest', 'b c')])).toEqual({ is: 'done' })
    expect(log.join(', ')).toBe('run a, done a, soak canary, check a, done a, passed canary, run b, done b, run c, done c, passed rest')
  })

  test('run so many clusters at a time as the wave says, and no more', async () => {
    const { go, most, hold, running } = world()
    hold()
    const ended = go([wave('all', 'a b c d e', { parallel: 2 })])
    for (let left = 5; left > 0; left--) {
      await settle()
      expect(running.size).toBe(Math.min(2, left))
      ;[...running.values()][0]?.()
    }
    expect(await ended).toEqual({ is: 'done' })
    expect(most()).toBe(2)
  })

  test('a failure more than is tolerated starts no further cluster, and what runs is waited for', async () => {
    const { go, log, hold, running } = world(['a'])
    hold()
    const all = wave('all', 'a b c', { parallel: 2 })
    const ended = go([all, wave('rest', 'd')])
    await settle()
    running.get('a')?.()
    await settle()
    expect(log).toEqual(['run a', 'run b', 'failed a'])
    running.get('b')?.()
    expect(await ended).toEqual({ is: 'too-many-failures', wave: all, failures: 1 })
    expect(log).toEqual(['run a', 'run b', 'failed a', 'done b'])
  })

  test('so many failures as are tolerated hold nothing up; only clusters that succeeded are checked after the soak', async () => {
    const { go, log } = world(['a'])
    expect(await go([wave('all', 'a b', { maxFailures: 1, soakMs: 1 }), wave('rest', 'c')])).toEqual({ is: 'done' })
    expect(log.join(', ')).toBe('run a, failed a, run b, done b, soak all, check b, done b, passed all, run c, done c, passed rest')
  })

  test('failures before and after the soak count together, and all clusters are checked', async () => {
    const { go, log } = world(['a'], { unhealthy: ['b'] })
    const all = wave('all', 'a b c', { maxFailures: 1, soakMs: 1 })
    expect(await go([all, wave('rest', 'd')])).toEqual({ is: 'too-many-failures', wave: all, failures: 2 })
    expect(log.slice(-5)).toEqual(['soak all', 'check b', 'failed b', 'check c', 'done c'])
  })
})

describe('a person who stops the fleet', () => {
  test('has no further cluster started; the running ones finish', async () => {
    const { go, log, hold, running, stop } = world()
    hold()
    const ended = go([wave('all', 'a b c', { parallel: 2 })])
    await settle()
    stop()
    running.get('a')?.()
    running.get('b')?.()
    expect(await ended).toEqual({ is: 'stopped' })
    expect(log).toEqual(['run a', 'run b', 'done a', 'done b'])
  })

  test('during the last cluster has stopped nothing', async () => {
    const { go, hold, running, stop } = world()
    hold()
    const ended = go([wave('all', 'a')])
    await settle()
    stop()
    running.get('a')?.()
    expect(await ended).toEqual({ is: 'done' })
  })

  test('during a soak ends it, and the wave has not passed', async () => {
    const { go, log, stop, hold, running } = world()
    hold()
    const ended = go([wave('all', 'a', { soakMs: 1 })])
    await settle()
    running.get('a')?.()
    stop()
    expect(await ended).toEqual({ is: 'stopped' })
    expect(log).toEqual(['run a', 'done a', 'soak all'])
  })
})

test('a resumed run begins neither what is done nor a soak that is over', async () => {
  const { go, log } = world([], { done: ['a', 'b'], soaked: ['canary'] })
  expect(await go([wave('canary', 'a', { soakMs: 1 }), wave('rest', 'b c', { soakMs: 1 })])).toEqual({ is: 'done' })
  expect(log.join(', ')).toBe('passed canary, run c, done c, soak rest, check b, done b, check c, done c, passed rest')
})
