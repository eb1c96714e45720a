import { fluxKinds } from '../../flux/kinds.ts'
import { at, isFields, textAt } from './at.ts'
import type { ClusterTree, ManifestObject } from './cluster-tree.ts'
import type { Diagnostic } from './diagnostic.ts'
import { label } from './references.ts'
import type { Path } from './source.ts'

/** A version that stays what it is: all three numbers, no range. */
const exact = /^v?\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$/
const digest = /@sha256:[0-9a-f]{64}$/
const tagged = /:[^:/]+$/

/** Finds what would change a cluster without a commit (fluxcd/flux2#5965: a cluster nobody had touched broke). */
export function checkPinned({ placed }: ClusterTree): Diagnostic[] {
  return placed.flatMap((one) => {
    switch (one.kind) {
      case fluxKinds.ociRepository.kind:
        return checkSource(one)
      case fluxKinds.helmRelease.kind:
        return [...checkChart(one), ...checkDistribution(one, placed)]
      default:
        return checkImages(one)
    }
  })
}

function finding(one: ManifestObject, path: Path, message: string, remedy: string): Diagnostic {
  return { ...one.place(...path), rule: 'pinned', message: `${label(one)}: ${message}`, remedy }
}

function checkSource(one: ManifestObject): Diagnostic[] {
  const ref = at(one.object, 'spec', 'ref')
  if (textAt(ref, 'digest') !== '') return []
  const [semver, tag] = [textAt(ref, 'semver'), textAt(ref, 'tag')]
  if (semver !== '') return [finding(one, ['spec', 'ref', 'semver'], `${semver} is a range`, 'name one version: ref.tag')]
  if (tag === '' || tag === 'latest')
    return [
      finding(one, ['spec', 'ref', 'tag'], `${tag === '' ? 'no tag' : ':latest'} is whatever was pushed last`, 'name one version: ref.tag'),
    ]
  return []
}

function checkChart(one: ManifestObject): Diagnostic[] {
  const path: Path = ['spec', 'chart', 'spec', 'version']
  if (at(one.object, 'spec', 'chart') === undefined || exact.test(textAt(one.object, ...path))) return []
  const version = textAt(one.object, ...path)
  return [finding(one, path, version === '' ? 'its chart has no version' : `${version} is a range`, 'write all three numbers')]
}

/** The FluxInstance's version and where its manifests are from; these must be of the operator's own release. */
function checkDistribution(one: ManifestObject, placed: readonly ManifestObject[]): Diagnostic[] {
  const path: Path = ['spec', 'values', 'instance', 'distribution']
  const distribution = at(one.object, ...path)
  if (distribution === undefined) return []
  const found: Diagnostic[] = []
  const version = textAt(distribution, 'version')
  if (!exact.test(version))
    found.push(
      finding(
        one,
        [...path, 'version'],
        `${version || 'no version'} is a range: Flux would be upgraded without a commit`,
        'write all three numbers',
      ),
    )
  const artifact = textAt(distribution, 'artifact')
  const chart = textAt(one.object, 'spec', 'chartRef', 'name')
  const source = placed.find(
    ({ kind, name, namespace }) => kind === fluxKinds.ociRepository.kind && name === chart && namespace === one.namespace,
  )
  const operator = withoutDigest(textAt(source?.object, 'spec', 'ref', 'tag'))
  const isByDigestAlone = digest.test(artifact) && !tagged.test(withoutDigest(artifact))
  if (artifact !== '' && !isByDigestAlone && operator !== '' && !withoutDigest(artifact).endsWith(`:v${operator}`)) {
    const message = `the artifact ${artifact} is not of the operator's release, ${operator}`
    found.push({ ...finding(one, [...path, 'artifact'], message, `end it with :v${operator}, or pin it with @sha256:…`), rule: 'artifact' })
  }
  return found
}

/** Renovate writes a digest after a tag: `0.59.0@sha256:…`. */
function withoutDigest(reference: string): string {
  return reference.split('@')[0] ?? ''
}

/** Images of what is applied as it is. */
function checkImages(one: ManifestObject): Diagnostic[] {
  const found: Diagnostic[] = []
  const walk = (value: unknown, path: Path): void => {
    if (Array.isArray(value)) value.forEach((item, index) => walk(item, [...path, index]))
    else if (isFields(value)) {
      for (const [key, below] of Object.entries(value)) {
        const here = [...path, key]
        const isImage = key === 'image' && typeof below === 'string' && typeof path.at(-1) === 'number'
        if (isImage && !digest.test(below) && !/:(?!latest$)[^:/]+$/.test(below))
          found.push(finding(one, here, `the image ${below} has no tag of its own`, 'name a tag that does not move, or a digest'))
        else walk(below, here)
      }
    }
  }
  walk(at(one.object, 'spec'), ['spec'])
  return found
}
