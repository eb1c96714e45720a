import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { shell } from './command.ts'
import { childEnvironment } from './environment.ts'

/** Lays patches over a stream of YAML objects, as `patches` of a kustomization.yaml do. Rejects with what kubectl says of them. */
export async function patched(kubectl: string, objects: string, patches: readonly unknown[], signal?: AbortSignal): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'flux-runbook-patched-'))
  try {
    await writeFile(join(folder, 'objects.yaml'), objects)
    await writeFile(join(folder, 'kustomization.yaml'), stringify({ resources: ['objects.yaml'], patches }))
    return (await shell(childEnvironment(), signal === undefined ? {} : { signal })`${kubectl} kustomize ${folder}`).stdout
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
