import { manifestOf } from '../../../lib/kubernetes/manifest.ts'
import { kinds, type Ref } from '../../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import type { World } from './world.ts'

/** Where in Git, or in the artifact, the person's own objects are. */
export const ownPath = 'clusters/theirs'

/** What Flux is to have applied, and may not lose. */
export const ownWork: Ref = { ...kinds.configMap, namespace: 'default', name: 'own-work' }
/** An object of Flux's own kinds among it. */
export const ownChild: Ref = {
  apiVersion: fluxKinds.gitRepository.apiVersion,
  kind: 'HelmRepository',
  namespace: 'default',
  name: 'own-charts',
}

/** What is in Git, or in the artifact, by its path: the person's own objects, one for a shard, and two that pull one object to and fro. */
export const ownFiles: Readonly<Record<string, string>> = {
  [`${ownPath}/work.yaml`]: `apiVersion: v1
kind: ConfigMap
metadata: {name: own-work, namespace: default}
data: {a: b}
---
apiVersion: ${ownChild.apiVersion}
kind: HelmRepository
metadata: {name: own-charts, namespace: default}
spec: {type: oci, interval: 1h, url: 'oci://registry.example.com/charts'}
`,
  'sharded/map.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sharded, namespace: default}\n',
  'tug/one/tug.yaml': tug('one'),
  'tug/two/tug.yaml': tug('two'),
}

function tug(side: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tug, namespace: default}\ndata: {side: ${side}}\n`
}

/** Commits it to the lab's Git. */
export async function commitOwnFiles({ lab }: World): Promise<void> {
  for (const [file, text] of Object.entries(ownFiles)) await lab.change(file, () => text)
}

/** Has Flux follow it, by objects that the person applies: what `flux install` leaves to do. */
export async function followOwnFiles({ lab, cluster }: World): Promise<void> {
  const { git } = await lab.access()
  const ref = { namespace: 'default', name: 'own' }
  await cluster.apply(
    manifestOf({ ...fluxKinds.gitRepository, ...ref }, { spec: { interval: '1h', url: git.anonymousUrl, ref: { branch: 'main' } } }),
  )
  const sourceRef = { kind: 'GitRepository', name: 'own' }
  await cluster.apply(
    manifestOf({ ...fluxKinds.kustomization, ...ref }, { spec: { interval: '1h', path: `./${ownPath}`, prune: true, sourceRef } }),
  )
}
