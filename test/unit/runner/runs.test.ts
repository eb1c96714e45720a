import { asTyped } from '../../run-names.ts'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { chooseRun, verifySameCluster } from '../../../lib/runner/resume.ts'
import { startOf } from '../../../lib/process/process-start.ts'
import { contextFolder, findInterrupted, remember, recordCluster } from '../../../lib/runner/run-store.ts'

const context = 'arn:aws:eks:eu-west-1:1:cluster/infra'
/** A pid that no process has: above what Linux and macOS give. */
const dead = 99_999_999
let home: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'frb-runs-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

function run(runId: string, more: { ended?: string; pid?: number; started?: string; host?: string; uid?: string } = {}): string {
  const folder = join(contextFolder(home, context), runId)
  mkdirSync(folder, { recursive: true })
  const process = { host: hostname(), pid: dead, started: 'long ago' }
  remember(folder, { script: 'bootstrap', context, uid: 'one', server: 'https://infra', ...process, ...more })
  return folder
}
const place = (uid = 'one') => ({ home, context, server: 'https://infra', uid, again: asTyped.again })

describe('an interrupted run', () => {
  test('is the last one, when it was killed or cancelled', () => {
    run('20261101T000000000Z-bootstrap', { ended: 'done' })
    run('20261102T000000000Z-bootstrap')
    expect(findInterrupted(home, context, 'bootstrap')).toMatchObject({ runId: '20261102T000000000Z-bootstrap' })
    run('20261103T000000000Z-bootstrap', { ended: 'cancelled' })
    expect(findInterrupted(home, context, 'bootstrap')).toMatchObject({ runId: '20261103T000000000Z-bootstrap' })
  })
  test('is none when a later run has ended, or when it still lives', () => {
    run('20261102T000000000Z-bootstrap')
    run('20261103T000000000Z-bootstrap', { ended: 'done' })
    expect(findInterrupted(home, context, 'bootstrap')).toBeUndefined()
    run('20261104T000000000Z-bootstrap', { pid: process.pid, started: startOf(process.pid) ?? '' })
    expect(findInterrupted(home, context, 'bootstrap')).toBeUndefined()
  })
  test('is one whose number another process has since, as after a restart of the machine', () => {
    run('20261104T000000000Z-bootstrap', { pid: process.pid })
    expect(findInterrupted(home, context, 'bootstrap')).toMatchObject({ runId: '20261104T000000000Z-bootstrap' })
  })
  test('is one of another host: whether it lives, the lock tells; this one may have another name in another network', () => {
    run('20261104T000000000Z-bootstrap', { pid: process.pid, started: startOf(process.pid) ?? '', host: 'elsewhere' })
    expect(findInterrupted(home, context, 'bootstrap')).toMatchObject({ runId: '20261104T000000000Z-bootstrap' })
  })
  test('of another script is not ours', () => {
    run('20261102T000000000Z-teardown')
    expect(findInterrupted(home, context, 'bootstrap')).toBeUndefined()
  })
  test('is asked to a job, which must say what it wants', async () => {
    run('20261102T000000000Z-bootstrap')
    await expect(chooseRun(place(), 'bootstrap', undefined, false)).rejects.toMatchObject({
      kind: 'usage',
      message: `the run 20261102T000000000Z-bootstrap on ${context} was interrupted. Nothing was changed`,
      remedy: `to resume it: ${asTyped.again('--resume')}\nto start over: ${asTyped.again('--fresh')}`,
    })
    expect(await chooseRun(place(), 'bootstrap', undefined, true)).toBeUndefined()
    expect(await chooseRun(place(), 'bootstrap', '', false)).toMatchObject({ runId: '20261102T000000000Z-bootstrap' })
  })
  test('that failed is continued only when asked', async () => {
    run('20261102T000000000Z-bootstrap', { ended: 'failed' })
    expect(await chooseRun(place(), 'bootstrap', undefined, false)).toBeUndefined()
    expect(await chooseRun(place(), 'bootstrap', '', false)).toMatchObject({ ended: 'failed' })
  })
  test('is never continued on another cluster', async () => {
    run('20261102T000000000Z-bootstrap')
    await expect(chooseRun(place('two'), 'bootstrap', '', false)).rejects.toMatchObject({
      kind: 'blocked',
      message: expect.stringContaining('began on another cluster: https://infra (kube-system one), not two'),
    })
  })
  test('that does not exist cannot be continued', async () => {
    await expect(chooseRun(place(), 'bootstrap', '', false)).rejects.toMatchObject({ kind: 'usage' })
  })
  test('whose memory is damaged is named with its path', () => {
    const folder = run('20261102T000000000Z-bootstrap')
    writeFileSync(join(folder, 'run.json'), '{"script": ')
    expect(() => findInterrupted(home, context, 'bootstrap')).toThrow(`${join(folder, 'run.json')} is damaged`)
  })
})

describe('what a run remembers', () => {
  test('is for its owner alone, and replaced as a whole', () => {
    const folder = run('20261102T000000000Z-bootstrap')
    expect(statSync(join(folder, 'run.json')).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder)).toEqual(['run.json'])
  })
})

describe('a name that means another cluster now', () => {
  const saying = 'npx zx scripts/recover.ts --context infra --new-cluster'
  test('is refused, unless the person says that it is meant', async () => {
    recordCluster(home, context, { uid: 'one', server: 'https://infra' })
    await verifySameCluster(place(), false, saying)
    await expect(verifySameCluster(place('two'), false, saying)).rejects.toMatchObject({
      kind: 'blocked',
      message: expect.stringContaining('meant another cluster before: https://infra (kube-system one)'),
      remedy: `if that is right: ${saying}`,
    })
    await verifySameCluster(place('two'), true, saying)
  })
})
