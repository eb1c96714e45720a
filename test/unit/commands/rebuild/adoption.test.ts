import { asTyped } from '../../../run-names.ts'
import { describe, expect, test } from 'vitest'
import { type Entry, entryText } from '../../../../lib/capture/capture.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import { clusterAt } from '../../../../lib/kubernetes/client.ts'
import { type KubeObject, parseObject, refOf } from '../../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../../lib/kubernetes/transport.ts'
import { compareInventories, judgeAdoption } from '../../../../lib/commands/rebuild/steps/verify-adopted.ts'
import type { StepStatus, StepContext } from '../../../../lib/runner/step.ts'
import { recordingConsole } from '../../../recording-console.ts'

const before = new Map([
  ['shop/plain', 3],
  ['elsewhere/far', 1],
])

describe('a Helm release', () => {
  test('at its revision, or one above, was adopted', () => {
    expect(judgeAdoption(before, new Map([...before, ['shop/plain', 4]]))).toEqual([])
  })
  test('below its revision was installed again, hooks and all', () => {
    expect(judgeAdoption(before, new Map([...before, ['shop/plain', 1]]))).toEqual([
      'shop/plain was installed again: revision 1, and 3 before',
    ])
  })
  test('gone, or far above, is reported', () => {
    expect(judgeAdoption(before, new Map([['shop/plain', 7]]))).toEqual(['shop/plain rose from revision 3 to 7', 'elsewhere/far is gone'])
  })
})

describe('the inventories after a rebuild', () => {
  type Status = Readonly<Record<string, unknown>>
  const kustomization = (name: string, status: Status, suspend = false) =>
    parseObject({ ...fluxKinds.kustomization, metadata: { namespace: 'apps', name, uid: name, generation: 1 }, spec: { suspend }, status })
  const holding = (...names: readonly string[]): Status => ({
    conditions: [{ type: 'Ready', status: 'True', message: 'Applied revision' }],
    observedGeneration: 1,
    inventory: { entries: names.map((name) => ({ id: `apps_${name}__ConfigMap`, v: 'v1' })) },
  })
  const failing: Status = { conditions: [{ type: 'Ready', status: 'False', reason: 'BuildFailed', message: 'no such folder' }] }

  /** What the step says, where the first check finds `live`. */
  async function check(live: readonly KubeObject[], unhealthy: readonly string[] = []): Promise<StepStatus> {
    const old = ['plain', 'other'].map((name) => kustomization(name, holding('a', 'b')))
    const entries = old.map((object): Entry => ({ ref: refOf(object), role: 'flux', because: [], text: entryText(object, false) }))
    const header = { context: 'infra', server: '', uid: '', namespace: 'flux-system', takenAt: '' }
    const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
    const signal = new AbortController().signal
    const run: StepContext = {
      id: 'run',
      script: 'rebuild',
      context: 'infra',
      place: 'infra',
      where: '--context infra',
      console: recordingConsole().console,
      memory: { read: () => ({ rebuild: { sick: unhealthy } }), write: () => undefined, folder: () => '' },
      timeout: 0,
      signal,
      clean: (text) => text,
      ...asTyped,
      cluster: { ...clusterAt(socketEndpoint('/nowhere'), patience, signal), list: () => Promise.resolve([...live]) },
    }
    return compareInventories(() => Promise.resolve({ header, entries })).check(run)
  }

  test('are waited for where a Kustomization that was restored has not reconciled yet', async () => {
    expect(await check([kustomization('plain', {}), kustomization('other', holding('a', 'b'))])).toEqual({
      is: 'waiting',
      on: 'Kustomization apps/plain: not reconciled yet',
    })
  })
  test('are compared once all have; what one lost is named', async () => {
    expect(await check([kustomization('plain', holding('a', 'b')), kustomization('other', holding('a', 'b'))])).toEqual({
      is: 'done',
      detail: '2 are unchanged',
    })
    expect(await check([kustomization('plain', holding('a')), kustomization('other', holding('a', 'b'))])).toEqual({
      is: 'done',
      detail: 'lost from an inventory, so Flux will never prune them: ConfigMap apps/b (Kustomization apps/plain)',
    })
  })
  test('of one that is suspended, or was unhealthy before, are neither waited for nor compared', async () => {
    expect(await check([kustomization('plain', {}, true), kustomization('other', failing)], ['Kustomization apps/other'])).toEqual({
      is: 'done',
      detail: '0 are unchanged; suspended or not Ready, so not compared: Kustomization apps/plain, Kustomization apps/other',
    })
  })
})
