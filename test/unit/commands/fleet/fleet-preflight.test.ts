import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { identityFindings, type SeenCluster } from '../../../../lib/commands/fleet/fleet-preflight.ts'
import { knownCluster, rememberCluster } from '../../../../lib/runner/run-store.ts'

let runs: string
beforeEach(() => {
  runs = mkdtempSync(join(tmpdir(), 'fleet-'))
})
afterEach(() => rmSync(runs, { recursive: true }))

function seen(name: string, line: number, uid: string | undefined): SeenCluster {
  const complaint = uid === undefined ? 'no route' : undefined
  return { cluster: { name, context: `c-${name}`, cluster: undefined, line }, server: `https://${name}`, uid, complaint }
}

test('a context that means another cluster than before, and a cluster that is there twice, are both found', () => {
  rememberCluster(runs, 'c-apps', { uid: 'old', server: 'https://old' })
  rememberCluster(runs, 'c-infra', { uid: '1', server: 'https://infra' })
  const found = identityFindings([seen('infra', 2, '1'), seen('apps', 3, '2'), seen('edge', 4, '1')], (context) =>
    knownCluster(runs, context),
  )
  expect(found).toEqual([
    { line: 3, what: 'apps: the context c-apps meant another cluster before: https://old (kube-system old); now it is https://apps (2)' },
    { line: 4, what: 'edge is the same cluster as infra in line 2: kube-system 1' },
  ])
})

test('two that do not answer are not the same', () => {
  expect(identityFindings([seen('a', 2, undefined), seen('b', 3, undefined)], () => undefined)).toEqual([])
})
