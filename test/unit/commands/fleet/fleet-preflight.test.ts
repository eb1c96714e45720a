import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { identityFindings, type SeenCluster, warningsOf } from '../../../../lib/commands/fleet/fleet-preflight.ts'
import { knownCluster, recordCluster } from '../../../../lib/runner/run-store.ts'

let runs: string
beforeEach(() => {
  runs = mkdtempSync(join(tmpdir(), 'fleet-'))
})
afterEach(() => rmSync(runs, { recursive: true }))

function seen(name: string, line: number, uid: string | undefined): SeenCluster {
  const complaint = uid === undefined ? 'no route' : undefined
  return { cluster: { name, context: `c-${name}`, cluster: undefined, line }, server: `https://${name}`, uid, complaint }
}

const moved = {
  line: 4,
  what: 'apps: the context c-apps meant another cluster before: https://old (kube-system old); now it is https://apps (2)',
}
const twin = { line: 3, what: 'edge is the same cluster as infra in line 2: kube-system 1' }

test.each([
  ['changes', [twin, moved]],
  ['destroys', [twin, moved]],
  ['nothing', [moved]],
] as const)('where the command does %s, a context that means another cluster is found, and one that is there twice', (effect, wanted) => {
  recordCluster(runs, 'c-apps', { uid: 'old', server: 'https://old' })
  recordCluster(runs, 'c-infra', { uid: '1', server: 'https://infra' })
  const clusters = [seen('infra', 2, '1'), seen('edge', 3, '1'), seen('apps', 4, '2')]
  expect(identityFindings(clusters, effect, (context) => knownCluster(runs, context))).toEqual(wanted)
})

test('who only looks is warned of a cluster that is there twice, and of one that does not answer', () => {
  expect(warningsOf([seen('infra', 2, '1'), seen('edge', 3, '1'), seen('far', 4, undefined)])).toEqual([
    'far does not answer; if it still does not when its turn comes, it counts as a failure: no route',
    'edge is the same cluster as infra in line 2: kube-system 1',
  ])
})

test('two that do not answer are not the same', () => {
  expect(identityFindings([seen('a', 2, undefined), seen('b', 3, undefined)], 'changes', () => undefined)).toEqual([])
})
