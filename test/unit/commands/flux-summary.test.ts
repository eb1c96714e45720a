import { expect, test } from 'vitest'
import { parseObject } from '../../../lib/kubernetes/objects.ts'
import { describeFlux } from '../../../lib/commands/flux-summary.ts'

const metadata = { name: 'flux', namespace: 'flux-system' }
const instance = parseObject({
  apiVersion: 'fluxcd.controlplane.io/v1',
  kind: 'FluxInstance',
  metadata,
  spec: { distribution: { version: '2.9.5' } },
  status: {
    lastAppliedRevision: 'v2.9.5@sha256:1',
    components: [{ name: 'source-controller', repository: 'ghcr.io/fluxcd/source-controller', tag: 'v1.9.5' }],
  },
})
const source = (status: object): ReturnType<typeof parseObject> =>
  parseObject({ apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'GitRepository', metadata, spec: { url: 'https://git/fleet' }, status })

test('what runs, at which commit, and what to try next', () => {
  const fetched = source({ artifact: { revision: 'main@sha1:0a21efe' } })
  expect(describeFlux(instance, fetched, { context: 'infra', isLab: false, kubectl: 'kubectl --context infra' }, 'bootstrap')).toEqual([
    'Flux v2.9.5 manages itself on infra.',
    '  controllers  source-controller v1.9.5',
    '  follows      https://git/fleet',
    '  at           main@sha1:0a21efe',
    '',
    'Next:',
    '  kubectl --context infra get fluxinstance,ks,hr -A',
  ])
})

const lab = { context: 'lab-infra', isLab: true, kubectl: 'npx zx scripts/lab.ts kubectl --context lab-infra --' }

test('after a change of version a push of the checkout, which would revert it, is not what comes next', () => {
  const next = (script: string): string => describeFlux(instance, source({}), lab, script).join('\n')
  expect(next('bootstrap')).toContain('lab.ts push')
  for (const script of ['upgrade', 'rollback', 'recover', 'rebuild']) expect(next(script)).not.toContain('lab.ts push')
})

test('of a Flux that is suspended it is not said that it manages itself', () => {
  const annotations = { 'fluxcd.controlplane.io/reconcile': 'disabled' }
  const suspended = parseObject({ ...instance, metadata: { ...metadata, annotations } })
  expect(describeFlux(suspended, source({}), lab, 'bootstrap')[0]).toMatch(
    /^Flux v2\.9\.5 on lab-infra is suspended.*: its operator does not reconcile it\.$/,
  )
})

test('a source that has no artifact at this moment does not fail a successful run', () => {
  const lines = describeFlux(instance, source({}), lab, 'bootstrap')
  expect(lines[3]).toBe('  at           no commit yet: source-controller has just started, and fetches it')
  expect(lines.at(-3)).toBe('  npx zx scripts/lab.ts kubectl --context lab-infra -- get fluxinstance,ks,hr -A')
})
