import { describe, expect, test } from 'vitest'
import { podsOf, runsController } from '../../../lib/flux/components.ts'
import type { Query } from '../../../lib/kubernetes/client.ts'
import { type Kind, kinds, type KubeObject, parseObject } from '../../../lib/kubernetes/objects.ts'
import { isSelected, selectorOf } from '../../../lib/kubernetes/selector.ts'

const deployment = (selector: object, labels: Record<string, string> = {}): KubeObject =>
  parseObject({ ...kinds.deployment, metadata: { name: 'web', labels }, spec: { selector } })
const pod = (name: string, labels: Record<string, string>, containers: object[] = []): KubeObject =>
  parseObject({ ...kinds.pod, metadata: { name, labels }, spec: { containers } })

const tiers = (operator: string, ...values: string[]) => ({ matchExpressions: [{ key: 'tier', operator, ...(values[0] && { values }) }] })

describe("a workload's selector", () => {
  test.each<[string, object, string, boolean, boolean, boolean]>([
    // front, back, none
    ['labels', { matchLabels: { tier: 'front' } }, 'tier=front', true, false, false],
    ['In', tiers('In', 'front', 'back'), 'tier in (front,back)', true, true, false],
    ['NotIn', tiers('NotIn', 'front'), 'tier notin (front)', false, true, true],
    ['Exists', tiers('Exists'), 'tier', true, true, false],
    ['DoesNotExist', tiers('DoesNotExist'), '!tier', false, false, true],
    ['both', { matchLabels: { app: 'web' }, ...tiers('In', 'back') }, 'app=web,tier in (back)', false, true, false],
  ])('of %s', (_, selector, text, front, back, none) => {
    const workload = deployment(selector)
    expect(selectorOf(workload)).toBe(text)
    expect(isSelected(workload, pod('a', { app: 'web', tier: 'front' }))).toBe(front)
    expect(isSelected(workload, pod('b', { app: 'web', tier: 'back' }))).toBe(back)
    expect(isSelected(workload, pod('c', { app: 'web' }))).toBe(none)
  })
})

describe("Flux's pods", () => {
  const partOf = { 'app.kubernetes.io/part-of': 'flux' }
  const aio = deployment({ matchLabels: { 'app.kubernetes.io/name': 'flux' } }, partOf)
  const answers: Readonly<Record<string, KubeObject[]>> = {
    'app.kubernetes.io/part-of=flux': [],
    'app.kubernetes.io/name=flux': [pod('flux-1', { 'app.kubernetes.io/name': 'flux' })],
    'app in (source-controller,kustomize-controller,helm-controller,notification-controller,image-reflector-controller,image-automation-controller,source-watcher)':
      [pod('helm-controller-1', { app: 'helm-controller' })],
  }
  const list = (kind: Kind, { labels = '' }: Query = {}): Promise<KubeObject[]> =>
    Promise.resolve(kind.kind === 'Deployment' ? [aio] : (answers[labels] ?? []))

  test('are those that its Deployments select, and those whose Deployment has gone, whatever else they are labelled', async () => {
    const pods = await podsOf({ list }, 'flux-system', 'controllers')
    expect(pods.map(({ metadata }) => metadata.name)).toEqual(['flux-1', 'helm-controller-1'])
  })

  test.each<[string, Record<string, string>, object[], boolean]>([
    ['its label', { app: 'helm-controller' }, [], true],
    ['its container', {}, [{ name: 'source-controller' }, { name: 'helm-controller' }], true],
    ['its image', {}, [{ name: 'manager', image: 'mirror.example.com:5000/fluxcd/helm-controller:v1.4.0@sha256:ab' }], true],
    ['another image', {}, [{ name: 'manager', image: 'ghcr.io/fluxcd/kustomize-controller:v1' }], false],
  ])('one runs a controller by %s', (_, labels, containers, is) => {
    expect(runsController(pod('p', labels, containers), 'helm-controller')).toBe(is)
  })
})
