import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { type Kind, kinds, type KubeObject, nameOf, refOf } from '../../lib/kubernetes/objects.ts'
import { withLogin } from './harness.ts'
import { namespace } from './older-flux.ts'
import { folder, indented, instanceSpec, type OtherTreeLab, release, untilFollowed } from './other-trees.ts'

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

/**
 * Installs Flux with Helm, from a chart that stands in for the community's flux2: it has the flux CLI's manifests, the CustomResourceDefinitions
 * among its templates, as that has.
 */
export async function installFluxChart(lab: OtherTreeLab): Promise<void> {
  const exported = await lab.type('flux install --export')
  const manifests = exported.split(/^---$/m).filter((one) => !/^kind: Namespace$/m.test(one))
  const chart = mkdtempSync(join(tmpdir(), 'frb-flux2-'))
  try {
    mkdirSync(join(chart, 'templates'))
    writeFileSync(join(chart, 'Chart.yaml'), 'apiVersion: v2\nname: flux2\nversion: 2.18.0\nappVersion: 2.9.5\n')
    writeFileSync(join(chart, 'flux.yaml'), manifests.join('---\n'))
    writeFileSync(join(chart, 'templates', 'flux.yaml'), '{{ .Files.Get "flux.yaml" }}\n')
    await lab.type(`helm install flux2 ${chart} --kube-context lab-infra --namespace ${namespace} --create-namespace --wait --timeout 3m`)
  } finally {
    rmSync(chart, { recursive: true, force: true })
  }
}

/** Has a Flux without an operator follow the lab's Git, by what a person applies. */
export async function followWithoutOperator(lab: OtherTreeLab): Promise<void> {
  const { git } = await lab.access()
  const call = `flux --context=lab-infra --namespace=${namespace}`
  await lab.type(
    [
      `${call} create secret git flux-system --url=${git.url} --username=${git.username} --password=${git.password}`,
      `${call} create source git flux-system --url=${git.url} --branch=main --interval=1m --secret-ref=flux-system`,
      `${call} create kustomization flux-system --source=GitRepository/flux-system --path=./${folder} --prune --interval=10m`,
    ].join('\n'),
  )
  await untilFollowed(lab)
}

/** The UIDs of what must stay, by name. */
export async function stayingUids(lab: OtherTreeLab, more: readonly Kind[] = []): Promise<Record<string, string | undefined>> {
  const infra = await lab.infra()
  const kindsThere = [fluxKinds.gitRepository, fluxKinds.kustomization, kinds.deployment, kinds.crd, kinds.configMap, ...more]
  const objects = (await Promise.all(kindsThere.map((kind) => infra.list(kind)))).flat()
  const isMeant = ({ metadata }: KubeObject): boolean => metadata.name !== 'flux-operator' && !metadata.name.endsWith('controlplane.io')
  return Object.fromEntries(objects.filter(isMeant).map((one) => [nameOf(refOf(one)), one.metadata.uid]))
}

/** What the document of a bootstrap says that took something over. */
export const surviving = v.looseObject({ survival: v.object({ checked: v.number(), changed: v.number(), missing: v.number() }) })
