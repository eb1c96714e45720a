import { describe, expect, test } from 'vitest'
import { damagesOf } from '../../../../lib/commands/drill/losses/damages.ts'
import { drawMatrix } from '../../../../lib/commands/drill/losses/matrix-page.ts'
import { reportLosses } from '../../../../lib/commands/drill/losses/matrix.ts'
import { keyOf, type Loss, roundsOf } from '../../../../lib/commands/drill/losses/objects.ts'
import { isMet, lossField, type LossOutcome } from '../../../../lib/commands/drill/losses/outcome.ts'
import { isPossible, type LossEnvironment, playRound } from '../../../../lib/commands/drill/losses/round.ts'
import { newTroubles, noticedBy, troublesOf } from '../../../../lib/commands/drill/losses/troubles.ts'
import type { ProbeResult } from '../../../../lib/health/probe.ts'
import type { Cluster } from '../../../../lib/kubernetes/client.ts'
import { ApiError } from '../../../../lib/kubernetes/http.ts'
import { kinds, type KubeObject, nameOf, parseObject, type Ref, refOf } from '../../../../lib/kubernetes/objects.ts'
import { clusterOf } from '../../fake-cluster.ts'

const namespace = 'flux-system'
const account = (uid: string): KubeObject =>
  parseObject({ ...kinds.serviceAccount, metadata: { namespace, name: 'source-controller', uid } })
const lossOf = (live: KubeObject, name: string): Loss => {
  const damage = damagesOf(live).find((one) => one.name === name)
  if (damage === undefined) throw new Error(name)
  return { ref: refOf(live), object: nameOf(refOf(live)), damage }
}

describe('the damages of an object', () => {
  const named = (object: object): string[] => damagesOf(parseObject(object)).map(({ name }) => name)
  test('are those that its kind allows', () => {
    expect(named({ ...kinds.serviceAccount, metadata: { name: 'x' } })).toEqual(['deleted', 'deleted, held'])
    const containers = [{ name: 'manager', image: 'x:v1', args: ['--y'] }]
    const deployment = { metadata: { name: 'x', labels: { app: 'x' } }, spec: { replicas: 1, template: { spec: { containers } } } }
    expect(named({ ...kinds.deployment, ...deployment })).toEqual([
      'deleted',
      'deleted, held',
      'image altered',
      'replicas 0',
      'arguments altered',
      'labels altered',
    ])
    expect(named({ ...kinds.namespace, metadata: { name: 'x', labels: {} } }).slice(2)).toEqual([
      'labels altered',
      'quota of 0',
      'network policy that denies all',
      'webhook without a Service',
    ])
    expect(named({ apiVersion: 'x', kind: 'ClusterRole', metadata: { name: 'x' }, rules: [{}] }).slice(2)).toEqual(['rules emptied'])
    expect(named({ ...kinds.secret, metadata: { name: 'x' }, data: { a: '' } }).slice(2)).toEqual(['entries altered'])
  })
  test('are over when the object is another and stays, or says again what it said', () => {
    const { damage } = lossOf(account('one'), 'deleted')
    const running = parseObject({ ...account('two'), metadata: { ...account('two').metadata, deletionTimestamp: '2026-11-30T00:00:00Z' } })
    expect([undefined, account('one'), running, account('two')].map((live) => damage.isBack(live))).toEqual([false, false, false, true])
    const role = parseObject({ apiVersion: 'x', kind: 'ClusterRole', metadata: { name: 'x' }, rules: [{ verbs: ['get'] }] })
    const emptied = lossOf(role, 'rules emptied').damage
    expect([{ ...role, rules: [] }, role, undefined].map((live) => emptied.isBack(live))).toEqual([false, true, false])
  })
})

test('a finalizer of the drill is removed although others write to the object meanwhile', async () => {
  const { damage } = lossOf(account('1'), 'deleted, held')
  let live = parseObject({ ...account('1'), metadata: { ...account('1').metadata, finalizers: ['a/b'], resourceVersion: '1' } })
  const tried: unknown[] = []
  const cluster: Cluster = {
    ...clusterOf(() => [live]),
    patch(_, patch) {
      tried.push(patch)
      if (tried.length !== 2) return Promise.resolve(live)
      live = { ...live, metadata: { ...live.metadata, resourceVersion: '2' } }
      return Promise.reject(new ApiError(409, 'Conflict', 'the object has been modified'))
    },
    remove: () => Promise.resolve(),
  }
  await damage.inject(cluster)
  live = { ...live, metadata: { ...live.metadata, finalizers: ['a/b', 'drill.flux-runbook.example.com/held'] } }
  await damage.undo?.(cluster)
  expect(tried.slice(1)).toEqual(['1', '2'].map((resourceVersion) => ({ metadata: { resourceVersion, finalizers: ['a/b'] } })))
})

test("Helm's record is as it was once it can be read again: Helm writes the same release again, at another time", () => {
  const record = (text: string): KubeObject =>
    parseObject({
      ...kinds.secret,
      metadata: { namespace, name: 'sh.helm.release.v1.x.v1', uid: text },
      data: { release: Buffer.from(Buffer.from(text).toString('base64')).toString('base64') },
    })
  const { damage } = lossOf(record('{"manifest":"one"}'), 'entries altered')
  expect(['{"manifest":"one"}', '{"manifest":"two"}', 'not the right one'].map((text) => damage.isBack(record(text)))).toEqual([
    true,
    true,
    false,
  ])
  expect(damage.isBack(undefined)).toBe(false)
})

describe('the rounds', () => {
  const losses = ['a', 'b', 'c', 'd'].map((name) => lossOf(parseObject({ ...kinds.serviceAccount, metadata: { name } }), 'deleted'))
  const keys = (draw: Parameters<typeof roundsOf>[1]): string[] => roundsOf(losses, draw).map(keyOf)
  test('are every loss in order, or drawn: the same for the same seed, no two alike, and a pair is of two objects', () => {
    expect(keys({ pairs: undefined, sample: undefined, seed: 1 })).toEqual(losses.map((loss) => keyOf([loss])))
    const pairs = keys({ pairs: 6, sample: undefined, seed: 7 })
    expect(keys({ pairs: 6, sample: undefined, seed: 7 })).toEqual(pairs)
    expect(keys({ pairs: 6, sample: undefined, seed: 8 })).not.toEqual(pairs)
    expect(new Set(pairs).size).toBe(6)
    for (const pair of pairs) expect(new Set(pair.split(' + ')).size).toBe(2)
    expect(keys({ pairs: undefined, sample: 9, seed: 1 })).toHaveLength(4) // there are no more
  })
})

const probed = (...reported: readonly (readonly [string, ProbeResult['state'], string])[]): ProbeResult[] =>
  reported.map(([id, state, object]) => ({ id, title: id, state, detail: '', objects: [{ object, reason: 'gone' }] }))

describe('who noticed', () => {
  test('is the probe that names the object, before one that only fails', () => {
    const news = troublesOf(probed(['instance', 'fail', 'FluxInstance x'], ['inventory', 'warn', 'ServiceAccount y']))
    expect(noticedBy(news, ['ServiceAccount y'])).toBe('inventory')
    expect(noticedBy(news, ['Secret z'])).toBe('instance')
    expect(noticedBy([], ['Secret z'])).toBeUndefined()
  })
  test('is nobody who said so before', () => {
    const before = troublesOf(probed(['controllers', 'warn', 'Deployment x']))
    expect(newTroubles(before, before)).toEqual([])
    expect(newTroubles(troublesOf(probed(['controllers', 'fail', 'Deployment x'])), before)).toHaveLength(1)
  })
})

describe('a round', () => {
  const workload = { name: 'Deployment shop/cart', uid: 'one', generation: 1, isOwned: false, isPassing: false, restarts: 0 }
  const unhealthy = probed(['inventory', 'fail', 'ServiceAccount flux-system/source-controller'])
  /** A place where an account is deleted, and is there again after so many looks, or when recover is called. */
  const place = (checksUntilBack: number, more: Partial<LossEnvironment> = {}): LossEnvironment => {
    let live: KubeObject | undefined = account('one')
    let checks = 0
    const back = (): void => void (live = account('two'))
    return {
      probe() {
        if (live === undefined && checks++ >= checksUntilBack) back()
        return Promise.resolve(live === undefined ? unhealthy : [])
      },
      live: () => Promise.resolve(live),
      inject: () => Promise.resolve(void (live = undefined)),
      undo: () => Promise.resolve(),
      recover: () => Promise.resolve({ isDone: true, hasChanged: true, recognised: ['parts-gone'], said: '' }),
      fingerprint: () => Promise.resolve([workload]),
      commitApplied: () => Promise.resolve(),
      progress: () => undefined,
      signal: new AbortController().signal,
      ...more,
    }
  }
  test('that Flux ends by itself is noticed, repaired by it, and met', async () => {
    const outcome = await playRound([lossOf(account('one'), 'deleted')], 60_000, place(1))
    expect(outcome).toMatchObject({ noticed: 'inventory', healedBy: 'flux', harmless: null, survived: true, failure: null })
    expect(isMet(outcome)).toBe(true)
  })
  test('damages last what takes others with it, or refuses every write', async () => {
    const home = parseObject({ ...kinds.namespace, metadata: { name: namespace, uid: 'home' } })
    const injected: string[] = []
    const live = (ref: Ref): Promise<KubeObject | undefined> => Promise.resolve(ref.kind === 'Namespace' ? home : account('two'))
    const inject = ({ object }: Loss): Promise<void> => {
      injected.push(object)
      return injected.length === 2 ? Promise.reject(new Error('that is enough')) : Promise.resolve()
    }
    const pair = [lossOf(home, 'webhook without a Service'), lossOf(account('one'), 'deleted')]
    const outcome = await playRound(pair, 60_000, place(1, { live, inject }))
    expect([injected, outcome.failure]).toEqual([[nameOf(refOf(account('one'))), nameOf(refOf(home))], 'that is enough'])
  })
  test('is possible while what it damages is there, and stays', async () => {
    const round = [lossOf(account('one'), 'deleted')]
    const running = parseObject({ ...account('one'), metadata: { ...account('one').metadata, deletionTimestamp: '2026-11-30T00:00:00Z' } })
    const found = [account('two'), undefined, running].map((now) => isPossible(round, { live: () => Promise.resolve(now) }))
    expect(await Promise.all(found)).toEqual([true, false, false])
  })
  test('that costs a workload which nobody had named is not met', async () => {
    let isFirst = true
    const fingerprint = () => {
      const tracked = isFirst ? [workload] : []
      isFirst = false
      return Promise.resolve(tracked)
    }
    const outcome = await playRound([lossOf(account('one'), 'deleted')], 60_000, place(1, { fingerprint }))
    expect(outcome).toMatchObject({
      survived: false,
      announced: false,
      failure: 'did not survive, and was not announced before: Deployment shop/cart',
    })
    expect(isMet(outcome)).toBe(false)
  })
})

const outcome: LossOutcome = {
  objects: ['ServiceAccount flux-system/<x>'],
  damages: ['deleted'],
  noticed: 'inventory',
  detectedMs: 500,
  harmless: null,
  healedBy: 'flux',
  recoveredMs: 30_000,
  objectiveMs: 300_000,
  survived: true,
  announced: false,
  recognised: [],
  failure: null,
}

test('a loss that took too long, or that nobody noticed or repaired, is not met', () => {
  expect(isMet(outcome)).toBe(true)
  expect(isMet({ ...outcome, recoveredMs: 300_001 })).toBe(false)
  expect(isMet({ ...outcome, noticed: null })).toBe(false)
  expect(isMet({ ...outcome, noticed: null, harmless: 'nothing of Flux depends on it' })).toBe(true)
  expect(isMet({ ...outcome, healedBy: 'nobody' })).toBe(false)
  expect(isMet({ ...outcome, noticed: null, harmless: 'nothing of Flux depends on it', healedBy: 'nobody' })).toBe(true)
  expect(isMet({ ...outcome, survived: false, announced: true })).toBe(true)
})

test('the document names one object, or both of a pair', () => {
  expect(lossField(outcome)).toMatchObject({ object: 'ServiceAccount flux-system/<x>', damages: ['deleted'] })
  const pair = lossField({ ...outcome, objects: ['a', 'b'], damages: ['deleted', 'replicas 0'] })
  expect([pair.objects, 'object' in pair]).toEqual([['a', 'b'], false])
})

test('the reports list what was not met, and what is harmless and why; the page needs no other file', () => {
  const lost: LossOutcome = { ...outcome, damages: ['deleted, held'], healedBy: 'nobody', recoveredMs: null, failure: 'still <gone>' }
  const quiet: LossOutcome = {
    ...outcome,
    noticed: null,
    detectedMs: null,
    damages: ['labels altered'],
    harmless: 'nothing of Flux depends on it',
  }
  const all = [outcome, lost, quiet]
  expect((reportLosses(all).sections ?? []).map(({ title, lines }) => [title, lines])).toEqual([
    ['Losses', ['2 of 3 ended as they should.']],
    ['Not met', ['- ServiceAccount flux-system/<x> (deleted, held): still <gone>']],
    ['Harmless', ['- ServiceAccount flux-system/<x> (labels altered): nothing of Flux depends on it']],
  ])
  const facts = { context: 'lab-infra', server: 'https://127.0.0.1', operator: 'me@here', runId: 'run', startedAt: 'a', finishedAt: 'b' }
  const page = drawMatrix(facts, all)
  expect(page).not.toMatch(/<(script|link|img|iframe)|@import|url\(|(src|href)=/)
  expect(page).toContain('<b>2 of 3</b>')
  expect(page).toContain('still &lt;gone&gt;')
})

test('the page has a table for each kind, with the damages that this kind allows and no other, and one row for a pair', () => {
  const facts = { context: 'lab-infra', server: 'https://127.0.0.1', operator: 'me@here', runId: 'run', startedAt: 'a', finishedAt: 'b' }
  const scaled: LossOutcome = { ...outcome, objects: ['Deployment flux-system/x'], damages: ['replicas 0'] }
  const pair: LossOutcome = { ...outcome, objects: ['Role a/<b>', 'Service a/c'], damages: ['rules emptied', 'selector altered'] }
  const page = drawMatrix(facts, [outcome, { ...outcome, damages: ['deleted, held'] }, scaled, pair])
  const tables = page.split('<section>').slice(1)
  const titles = tables.map((table) => /<h2>(.*)<\/h2>/.exec(table)?.[1])
  expect(titles).toEqual(['ServiceAccount', 'Deployment', 'Pairs'])
  const columns = tables.map((table) => [...table.matchAll(/<th scope="col">(.*?)<\/th>/g)].map(([, damage]) => damage))
  expect(columns).toEqual([['deleted', 'deleted, held'], ['replicas 0'], ['together']])
  expect(tables[2]).toContain('<th scope="row">Role a/&lt;b&gt;: rules emptied<br>Service a/c: selector altered</th>')
  expect(page).not.toMatch(/\bt[dh][^{}]*\{[^}]*overflow-wrap: anywhere/) // which makes a column as narrow as a letter
})
