import { shellQuote } from '../../base/shell-line.ts'
import { cp, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import { join } from 'node:path'
import { kinds, type KubeObject, nameOf, refOf } from '../../kubernetes/objects.ts'
import { complaintOf } from '../../process/command.ts'
import { runFluxBuild } from '../../desired-state/kustomize.ts'
import { parseObjects } from '../../kubernetes/manifest.ts'
import { at, isFields } from './at.ts'
import type { AppliedObject, ClusterTree } from './cluster-tree.ts'
import type { Diagnostic } from './diagnostic.ts'
import { label } from './references.ts'

/** Lets Flux' own CLI build each Kustomization and compares: the scripts must read the tree as Flux will. */
export async function checkFluxBuilds(root: string, { applied }: ClusterTree, flux: string): Promise<Diagnostic[]> {
  const compared = await Promise.all(applied.map((one) => compare(root, one, flux)))
  return compared.flat()
}

async function compare(root: string, { kustomization, folder, text, variables }: AppliedObject, flux: string): Promise<Diagnostic[]> {
  if (text === '') return [] // reported already
  const own = await mkdtemp(join(tmpdir(), 'flux-runbook-'))
  const { object, name, namespace } = kustomization
  const command = `flux build kustomization ${shellQuote(name)} --path ${shellQuote(folder)} --dry-run`
  const found = (message: string): Diagnostic[] => [
    { ...kustomization.place(), rule: 'flux-build', message: `${label(kustomization)}: ${message}`, remedy: command },
  ]
  try {
    // A dry run reads no ConfigMap from a cluster: the values that it would find there are written into the Kustomization itself. As JSON:
    // Go's YAML would take an unquoted off for a boolean.
    const file = join(own, 'kustomization.yaml')
    const spec = at(object, 'spec')
    const postBuild = at(spec, 'postBuild') === undefined ? {} : { postBuild: { substitute: variables } }
    await writeFile(file, JSON.stringify({ ...fields(object), spec: { ...fields(spec), ...postBuild } }))
    // flux writes into the folder that it builds (fluxcd/flux2 internal/build, kustomize generator), so it gets a copy.
    const [top = ''] = folder.split('/')
    await cp(join(root, top), join(own, top), { recursive: true, verbatimSymlinks: true })
    const [ownRoot, target] = await Promise.all([realpath(own), realpath(join(own, folder))])
    if (!target.startsWith(`${ownRoot}/`)) return found('a link leads out of the folder, and flux would write there')
    const where = ['--namespace', namespace, '--path', join(own, folder), '--kustomization-file', file]
    const built = await runFluxBuild(flux, name, [...where, '--dry-run'], own)
    const [theirs, ours] = [built, text].map((stream) => parseObjects(stream).map(comparable).sort(byName))
    return isDeepStrictEqual(theirs, ours) ? [] : found('flux build builds it differently from these scripts')
  } catch (error) {
    return found(`flux cannot build it: ${complaintOf(error).replaceAll(`${own}/`, '').replaceAll('\n', ' ')}`)
  } finally {
    await rm(own, { recursive: true })
  }
}

function fields(value: unknown): Record<string, unknown> {
  return isFields(value) ? { ...value } : {}
}

/** What is compared: neither what Flux marks its objects with, nor Secrets' contents, which its CLI hides. */
function comparable(object: KubeObject): { key: string; object: unknown } {
  const { labels: _labels, annotations: _annotations, ...metadata } = object.metadata
  const { data: _data, stringData: _stringData, sops: _sops, ...rest } = object
  return { key: nameOf(refOf(object)), object: { ...(object.kind === kinds.secret.kind ? rest : object), metadata } }
}

function byName(one: { key: string }, other: { key: string }): number {
  return one.key.localeCompare(other.key)
}
