import { gunzipSync } from 'node:zlib'
import { messageOf, OperatorError } from '../base/errors.ts'
import * as v from 'valibot'
import { yamlDocuments, yamlValue } from '../base/yaml.ts'
import type { RegistryLogin } from '../tools/registry-login.ts'
import { parseArtifact, pullLayer } from '../tools/registry.ts'
import { filesInTar } from '../tools/tar.ts'

/** What a distribution artifact holds of Flux: the versions an operator can install from it. */
export interface Distribution {
  /** Without `v`. */
  readonly versions: readonly string[]
  /** The images of a version's controllers: `source-controller` → `v1.9.5`. */
  readonly imagesOf: (version: string) => ReadonlyMap<string, string>
  /** The API versions that a version's CustomResourceDefinitions serve, by the CRD's name. */
  readonly apisOf: (version: string) => ReadonlyMap<string, readonly string[]>
}

const imagesSchema = v.object({ images: v.array(v.object({ name: v.string(), newTag: v.string() })) })
const crdSchema = v.object({
  kind: v.literal('CustomResourceDefinition'),
  metadata: v.object({ name: v.string() }),
  spec: v.object({ versions: v.array(v.object({ name: v.string(), served: v.boolean() })) }),
})

/** What the artifact of some megabytes unpacks to, at most. */
const largestArchive = 256 * 1024 * 1024

/**
 * Reads the distribution artifact that Git names, as the operator will: its folders are `flux/VERSION` and `flux-images/VERSION`.
 * @returns undefined where none is named (the operator then takes the manifests in its own image), or it cannot be downloaded
 * @throws OperatorError for one that is damaged, or unpacks to more than any is
 */
export async function readDistribution(url: string, login: RegistryLogin, signal: AbortSignal): Promise<Distribution | undefined> {
  const artifact = url === '' ? undefined : parseArtifact(url)
  const layer = artifact === undefined ? undefined : await pullLayer(artifact, login, signal)
  if (layer === undefined) return undefined
  try {
    return distributionIn(filesInTar(gunzipSync(layer, { maxOutputLength: largestArchive })))
  } catch (cause) {
    const remedy = 'name one that is a distribution of Flux (distribution_artifact in settings.yaml)'
    throw new OperatorError(`the artifact ${url} cannot be unpacked: ${messageOf(cause)}`, { kind: 'blocked', remedy, cause })
  }
}

/** The distribution in these files, by their paths. */
export function distributionIn(files: ReadonlyMap<string, Buffer>): Distribution {
  const inFolder = (folder: string): string[] =>
    [...files].flatMap(([path, content]) => (path.startsWith(`${folder}/`) ? [content.toString()] : []))
  const versions = new Set([...files.keys()].flatMap((path) => /^flux\/v([^/]+)\/[^/]+\.yaml$/.exec(path)?.[1] ?? []))
  return {
    versions: [...versions],
    imagesOf(version) {
      const content = files.get(`flux-images/v${version}/upstream-alpine.yaml`)
      const parsed = v.safeParse(imagesSchema, content === undefined ? undefined : yamlValue(content.toString()))
      const images = parsed.success ? parsed.output.images : []
      return new Map(images.map(({ name, newTag }) => [name.split('/').at(-1) ?? name, newTag]))
    },
    apisOf(version) {
      const objects = inFolder(`flux/v${version}`).flatMap((text) =>
        yamlDocuments(text).map((one): unknown => (one.errors.length > 0 ? undefined : one.toJS())),
      )
      const crds = objects.flatMap((object) => (v.is(crdSchema, object) ? [object] : []))
      return new Map(
        crds.map(({ metadata, spec }) => [metadata.name, spec.versions.filter(({ served }) => served).map(({ name }) => name)]),
      )
    },
  }
}
