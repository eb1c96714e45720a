import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { kinds, type KubeObject, nameOf, refOf } from '../cluster/objects.ts'
import { complaintOf, shell } from '../command.ts'
import { childEnvironment } from '../environment.ts'
import { parseObjects } from '../tree.ts'
import { at, isFields } from './at.ts'
import type { Applied, ClusterTree } from './cluster-tree.ts'
import type { Finding } from './finding.ts'
import { label } from './references.ts'

/** Lets Flux' own CLI build each Kustomization and compares: the scripts must read the tree as Flux will. */
export async function checkFluxBuilds(root: string, { applied }: ClusterTree, flux: string): Promise<Finding[]> {
  const compared = await Promise.all(applied.map((one) => compare(root, one, flux)))
  return compared.flat()
}

async function compare(root: string, { kustomization, folder, text, variables }: Applied, flux: string): Promise<Finding[]> {
  if (text === '') return [] // told already
  const own = await mkdtemp(join(tmpdir(), 'flux-runbook-'))
  const { object, name, namespace } = kustomization
  const command = `flux build kustomization ${name} --path ${folder} --dry-run`
  const found = (message: string): Finding[] => [
    { ...kustomization.place(), rule: 'flux-build', message: `${label(kustomization)}: ${message}`, remedy: command },
  ]
  try {
    // A dry run reads no ConfigMap from a cluster: the values that it would find there are written into the Kustomization itself.
    const file = join(own, 'kustomization.yaml')
    const spec = at(object, 'spec')
    const postBuild = at(spec, 'postBuild') === undefined ? {} : { postBuild: { substitute: variables } }
    await writeFile(file, stringify({ ...fields(object), spec: { ...fields(spec), ...postBuild } }))
    // flux writes into the folder that it builds (fluxcd/flux2 internal/build, kustomize generator), so it gets a copy.
    const [top = ''] = folder.split('/')
    await cp(join(root, top), join(own, top), { recursive: true })
    const where = ['--namespace', namespace, '--path', join(own, folder), '--kustomization-file', file]
    const built = await shell(childEnvironment(), { cwd: own })`${flux} build kustomization ${name} ${where} --dry-run`
    const [theirs, ours] = [built.stdout, text].map((stream) => parseObjects(stream).map(comparable).sort(byName))
    return isDeepStrictEqual(theirs, ours) ? [] : found('flux build makes something else of it than these scripts')
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
