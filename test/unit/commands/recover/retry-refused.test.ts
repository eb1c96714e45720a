import { expect, test } from 'vitest'
import { ensureRefusedRetried } from '../../../../lib/commands/recover/steps/retry-refused.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import { type Kind, type KubeObject, nameOf, parseObject } from '../../../../lib/kubernetes/objects.ts'
import type { StepContext } from '../../../../lib/runner/step.ts'
import { snapshotOf } from '../../health/found-by.ts'
import { recordingConsole } from '../../../recording-console.ts'
import { asTyped } from '../../../run-names.ts'

const refused = 'dry-run failed (InternalError): Internal error occurred: failed calling webhook "x.example.com": no endpoints'

function failing(
  kind: Kind,
  name: string,
  message: string,
  more: { annotations?: Record<string, string>; suspend?: boolean } = {},
): KubeObject {
  const { annotations = {}, suspend = false } = more
  return parseObject({
    ...kind,
    metadata: { namespace: 'flux-system', name, annotations },
    spec: { suspend },
    status: { conditions: [{ type: 'Ready', status: 'False', reason: 'Failed', message, lastTransitionTime: '2026-11-30T23:00:00Z' }] },
  })
}

test('what the webhook refused is asked to reconcile, three times at most, and nothing else', async () => {
  const objects = [
    failing(fluxKinds.kustomization, 'flux-system', refused),
    failing(fluxKinds.helmRelease, 'flux-instance', refused),
    failing(fluxKinds.kustomization, 'apps', 'health check failed'),
    failing(fluxKinds.kustomization, 'stopped', refused, { suspend: true }),
  ]
  const asked: string[] = []
  const snapshot = snapshotOf([], { flux: objects })
  const context: StepContext = {
    id: 'run',
    script: 'recover',
    context: 'infra',
    place: 'infra',
    where: '--context infra',
    console: recordingConsole().console,
    memory: { read: () => ({}), write: () => undefined, folder: () => '' },
    timeout: 0,
    signal: new AbortController().signal,
    clean: (text) => text,
    ...asTyped,
    verifyLocked: () => Promise.resolve(),
    cluster: {
      ...snapshot.cluster,
      patch: (ref) => {
        asked.push(nameOf(ref))
        return Promise.resolve(parseObject({ ...ref, metadata: ref }))
      },
    },
  }
  const step = ensureRefusedRetried(() => snapshot)
  const both = ['Kustomization flux-system/flux-system', 'HelmRelease flux-system/flux-instance']
  expect(await step.check(context)).toMatchObject({ is: 'todo', change: `ask ${both.join(', ')} to reconcile now` })
  for (let attempt = 1; attempt <= 4; attempt++) await step.nudge?.(context)
  expect(asked).toEqual([...both, ...both, ...both])
  expect(await step.check(context)).toEqual({ is: 'done', detail: 'nothing is left' })
})
