import { gunzipSync, gzipSync } from 'node:zlib'
import * as v from 'valibot'
import { kinds, type KubeObject, parseObject } from '../kubernetes/objects.ts'
import { isFluxKind } from './api-groups.ts'
import { imageIn } from './components.ts'
import type { Distribution } from './distribution.ts'
import { componentsIn, shardsIn } from './installer.ts'
import { appliedBy } from './labels.ts'

/** What manifests of Flux itself hold of one version, as a distribution artifact does of several. */
export function distributionOf(objects: readonly KubeObject[], version: string): Distribution {
  const deployments = objects.filter((one) => one.kind === kinds.deployment.kind && componentsIn(one).length > 0)
  const main = deployments.filter((one) => shardsIn(one).length === 0)
  const images = new Map(main.map((one) => [one.metadata.name, imageIn(one).split(':').at(-1) ?? '']))
  const apis = new Map(objects.flatMap((one) => (v.is(crdSchema, one) ? [[one.metadata.name, served(one)] as const] : [])))
  return {
    versions: [version],
    imagesOf: (asked) => (asked === version ? images : new Map()),
    apisOf: (asked) => (asked === version ? apis : new Map()),
  }
}

const crdSchema = v.object({
  kind: v.literal(kinds.crd.kind),
  metadata: v.object({ name: v.string() }),
  spec: v.object({ versions: v.array(v.object({ name: v.string(), served: v.boolean() })) }),
})

function served({ spec }: v.InferOutput<typeof crdSchema>): string[] {
  return spec.versions.filter((one) => one.served).map(({ name }) => name)
}

/**
 * The manifests as the Kustomization that applies them makes them: marked as its own. Objects of Flux's own kinds, which say what it follows,
 * are left out.
 */
export function asAppliedBy(
  objects: readonly KubeObject[],
  { namespace = '', name }: { readonly namespace?: string; readonly name: string },
): KubeObject[] {
  const marks = { [appliedBy.kustomization.name]: name, [appliedBy.kustomization.namespace]: namespace }
  return objects
    .filter((one) => !isFluxKind(one))
    .map((object) => ({ ...object, metadata: { ...object.metadata, labels: { ...object.metadata.labels, ...marks } } }))
}

/** Packs objects into a line of text: a version's manifests are hundreds of kilobytes. */
export function packed(objects: readonly KubeObject[]): string {
  return gzipSync(JSON.stringify(objects)).toString('base64')
}

const packedSchema = v.pipe(v.string(), v.parseJson(), v.array(v.unknown()))
/** What they unpack to, at most. */
const largest = 64 * 1024 * 1024

/** The objects of a line that was packed. */
export function unpacked(line: string): KubeObject[] {
  const text = gunzipSync(Buffer.from(line, 'base64'), { maxOutputLength: largest }).toString()
  return v.parse(packedSchema, text).map((one) => parseObject(one))
}
