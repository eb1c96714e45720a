import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Container, type ContainerHost, type ContainerRun } from '../../../lab/node/container.ts'
import { spawnLogged } from '../../../lab/node/container-process.ts'
import type { FoundImage } from '../../../lab/node/images.ts'
import { listenOn } from '../../../lab/ports.ts'
import { podOf } from '../node-pod.ts'

vi.mock('node:timers/promises', { spy: true })

let folder = ''
let ending = new AbortController()
let again = new AbortController()
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flux-runbook-'))
  ending = new AbortController()
  again = new AbortController()
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

// Asked more often than any API would allow: the test need not wait for the second answer.
const readinessProbe = { httpGet: { port: 1 }, periodSeconds: 0.05, failureThreshold: 1 }
const [spec] = podOf({ spec: { containers: [{ name: 'manager', image: 'x:1', readinessProbe }] } }).spec.containers
if (spec === undefined) throw new Error('the pod has a container')

/** A container, and every state it was seen in. */
function containerOn(host: Partial<ContainerHost>): { container: Container; seen: string[]; life: Promise<void> } {
  const seen: string[] = []
  const container: Container = new Container(spec ?? fail(), {
    folder,
    podName: 'p_ns(1)',
    finishes: false,
    isOver: () => false,
    find: () => ({ is: 'stand-in' }),
    crashes: () => false,
    start: () => Promise.reject(new Error('not here')),
    faultsChanged: () => again.signal,
    changed: () => {
      const { state } = container
      seen.push(state.is === 'waiting' ? state.reason : state.is === 'running' ? `running ${state.ready}` : `exit ${state.exitCode}`)
    },
    ...host,
  })
  return { container, seen, life: container.live(ending.signal) }
}

function fail(): never {
  throw new Error('the pod has a container')
}

/** Ends a back-off early, as setting faults does. */
function checkAgain(): void {
  const before = again
  again = new AbortController()
  before.abort()
}

/** A program in the place of the container's. */
function run(script: string, url?: string): ContainerRun {
  return {
    ...spawnLogged(['/bin/sh', '-c', script], { PATH: '/usr/bin:/bin' }, folder, 'manager'),
    ports: {},
    readiness: url === undefined ? 'at once' : { url },
  }
}

const real = (): FoundImage => ({ is: 'real', name: 'x', path: '/x' })

describe('a container', () => {
  test('that is a stand-in is Ready until its pod ends', async () => {
    const { container, seen, life } = containerOn({})
    expect(container.state).toMatchObject({ is: 'running', ready: true })
    expect(container.log(true)).toContain('not found')
    ending.abort()
    await life
    expect(seen).toEqual(['running true', 'exit 0'])
    expect(readFileSync(join(folder, 'manager.log'), 'utf8')).toContain('a stand-in holds this container Ready')
  })

  test('that ends for good says why, if its program has written that', async () => {
    const start = (): Promise<ContainerRun> => Promise.resolve(run('printf "the last word" >manager.termination-message; exit 3'))
    const { container, life } = containerOn({ find: real, start, isOver: () => true })
    await life
    expect(container.state).toMatchObject({ is: 'terminated', exitCode: 3, message: 'the last word' })
  })

  test('of a task succeeds by itself, after a second', async () => {
    vi.mocked(pause).mockResolvedValueOnce(undefined)
    const { seen, life } = containerOn({ finishes: true })
    await life
    expect(pause).toHaveBeenLastCalledWith(1000, undefined, expect.anything())
    expect(seen).toEqual(['running true', 'exit 0'])
  })

  test('whose image is absent backs off until it is there', async () => {
    let found: FoundImage = { is: 'absent', message: 'not found' }
    const { container, seen } = containerOn({ find: () => found })
    await expect.poll(() => seen).toEqual(['ErrImagePull'])
    expect(container.log(false)).toContain('waiting to start: not found')
    checkAgain()
    await expect.poll(() => seen).toEqual(['ErrImagePull', 'ImagePullBackOff'])
    found = { is: 'stand-in' }
    checkAgain()
    await expect.poll(() => container.state).toMatchObject({ is: 'running' })
    expect(container.facts.restarts).toBe(0)
    ending.abort()
  })

  test('that exits is started again, and tells how it ended', async () => {
    const { container, seen, life } = containerOn({ find: real, start: async () => run('echo said; exit 3') })
    await expect.poll(() => seen).toEqual(['running true', 'CrashLoopBackOff'])
    expect(container.facts.last).toMatchObject({ exitCode: 3 })
    checkAgain()
    await expect.poll(() => seen).toHaveLength(4)
    expect(container.facts.restarts).toBe(1)
    expect(readFileSync(join(folder, 'manager.previous.log'), 'utf8')).toBe('said\n')
    ending.abort()
    await life
  })

  test('that exits is over, where its pod’s restart policy says so', async () => {
    const { container, seen, life } = containerOn({ find: real, start: async () => run('exit 3'), isOver: (code) => code === 3 })
    await life
    expect(seen).toEqual(['running true', 'exit 3'])
    expect(container.facts.restarts).toBe(0)
  })

  test('ends with its pod, and is not started again', async () => {
    const { container, seen, life } = containerOn({ find: real, start: async () => run('exec sleep 60') })
    await expect.poll(() => container.run).toBeDefined()
    ending.abort()
    container.end('SIGKILL')
    await life
    expect(seen).toEqual(['running true', 'exit 137'])
  })

  test('that cannot be started says why', async () => {
    const { container } = containerOn({ find: real, start: () => Promise.reject(new Error('secret "x" not found')) })
    await expect.poll(() => container.state).toMatchObject({ reason: 'CreateContainerConfigError', message: 'secret "x" not found' })
    ending.abort()
  })

  test('under the fault crash exits on start, stand-ins too', async () => {
    const { container, seen, life } = containerOn({ crashes: () => true })
    await expect.poll(() => seen).toEqual(['running false', 'CrashLoopBackOff'])
    expect(container.facts.last).toMatchObject({ exitCode: 1 })
    ending.abort()
    await life
  })

  test('is ready when its probe is answered, and no longer when it is not', async () => {
    let code = 503
    const server = createServer((_, response) => response.writeHead(code).end())
    const url = `http://127.0.0.1:${await listenOn(server, 0)}/`
    const { container, seen, life } = containerOn({ find: real, start: async () => run('exec sleep 60', url) })
    await expect.poll(() => seen).toEqual(['running false'])
    code = 200
    await expect.poll(() => seen).toEqual(['running false', 'running true'])
    code = 500
    await expect.poll(() => seen).toEqual(['running false', 'running true', 'running false'])
    ending.abort()
    container.end('SIGTERM')
    await life
    expect(container.state).toMatchObject({ is: 'terminated', exitCode: 143 })
    server.close()
  })
})
