import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withLogin } from './harness.ts'
import { indented, instanceSpec, type OtherTreeLab, release } from './other-trees.ts'

/** A workload that Flux applies, and a ConfigMap that nothing else holds on to. */
export const shop = `apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: prices, namespace: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: cart, image: registry.example/cart:1}]}
`

/** What a person adds to a tree to have flux-operator: its release, and a FluxInstance with the login that Flux has. */
export async function operatorAndInstance(lab: OtherTreeLab, version: string): Promise<string> {
  const operator = await release(lab, 'flux-operator', 'web: {enabled: false}\n')
  const spec = (await instanceSpec(lab)).replace('2.9.4', version).replace('pullSecret: flux-git', 'pullSecret: flux-system')
  return `${operator}---\napiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata: {name: flux, namespace: flux-system}\nspec:\n${indented(spec, 2)}`
}

/** Takes a folder out of the lab's Git. */
export async function removeFolder(lab: OtherTreeLab, folder: string): Promise<void> {
  const { git } = await lab.access()
  const clone = mkdtempSync(join(tmpdir(), 'frb-remove-'))
  const run = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=A colleague', '-c', 'user.email=colleague@example.com', '-C', clone, ...args], {
      encoding: 'utf8',
    })
  try {
    run('clone', '--quiet', withLogin(git), '.')
    run('rm', '-r', '--quiet', folder)
    run('commit', '--quiet', '--message', `Remove ${folder}`)
    run('push', '--quiet', 'origin', 'HEAD:main')
  } finally {
    rmSync(clone, { recursive: true, force: true })
  }
}
