import { expect, test } from 'vitest'
import { ensureOwnManagers } from '../../../lib/commands/health-check/steps/own-managers.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { parseFluxObject } from '../../../lib/flux/object.ts'
import { createSnapshot, type Snapshot } from '../../../lib/health/snapshot.ts'
import { clusterOf } from '../fake-cluster.ts'
import { keptByOperator } from '../kept-by-operator.ts'
import { stage } from '../run-stage.ts'

const edited = {
  metadata: {
    namespace: 'flux-system',
    name: 'gitops',
    labels: { 'kustomize.toolkit.fluxcd.io/name': 'flux-system', 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system' },
    managedFields: [{ manager: 'kubectl-edit', operation: 'Update', fieldsV1: { 'f:spec': { 'f:interval': {} } } }],
  },
  spec: { interval: '1m' },
}

test('what is shown as typed for a step is its change: who owns the fields is only to be seen, and nobody would type the rest', async () => {
  const object = parseFluxObject(edited, fluxKinds.kustomization, true)
  const cluster = {
    ...clusterOf(() => []),
    collection: () => Promise.resolve('/'),
    read: () => Promise.resolve({ ...fluxKinds.kustomization, ...edited }),
  }
  const options = { cluster, kubectl: 'kubectl', where: '--lab', login: { kind: 'none' } as const, folder: () => '', monitoring: undefined }
  const takeSnapshot = (): Snapshot => ({
    ...createSnapshot(options),
    installed: () => Promise.resolve(keptByOperator),
    crds: () => Promise.resolve([]),
    instance: () => Promise.resolve(undefined),
    objects: () => Promise.resolve({ all: [object], byName: new Map(), kinds: new Set() }),
  })
  const status = await ensureOwnManagers(takeSnapshot).check({ ...stage([], 'dry-run').run, cluster })
  expect(status).toMatchObject({
    is: 'todo',
    change: expect.stringContaining('hand over what kubectl-edit own of 1 object;'),
    commands: [],
    details: expect.arrayContaining([
      expect.stringMatching(/^to see the first: kubectl --namespace flux-system get .* --show-managed-fields/),
    ]),
  })
})
