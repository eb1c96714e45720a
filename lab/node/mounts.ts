import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ReadEntries } from './environment.ts'
import type { ContainerSpec, KeyToPath, Pod, Volume } from './pod-spec.ts'

/** A path in a container, and where the process that stands for the container finds it. */
export interface Mount {
  readonly path: string
  readonly at: string
}

/** What the contents of volumes are made of. */
export interface VolumeSources {
  /** The pod's own folder. */
  readonly folder: string
  /** Where the volumes are that outlive pods. */
  readonly claims: string
  readonly read: ReadEntries
  /** The token of the pod's service account. */
  readonly token: string
}

/** Makes the volumes that a container mounts, as a kubelet does. Throws where what one is made of does not exist. */
export async function mountVolumes(container: ContainerSpec, pod: Pod, sources: VolumeSources): Promise<Mount[]> {
  const mounts: Mount[] = []
  for (const { name, mountPath, subPath } of container.volumeMounts) {
    const volume = pod.spec.volumes.find((one) => one.name === name)
    if (volume === undefined) throw new Error(`volume "${name}" of container ${container.name} is not one of the pod's`)
    const folder = await fill(volume, pod, sources)
    const at = subPath === '' ? folder : join(folder, subPath)
    mkdirSync(at, { recursive: true, mode: 0o700 })
    mounts.push({ path: mountPath, at })
  }
  // Of two mounts of which one lies in the other, the inner one is the place.
  return mounts.sort((one, other) => other.path.length - one.path.length)
}

/** A text of the container's in which each path that is mounted is where the process finds it. */
export function withMounts(text: string, mounts: readonly Mount[]): string {
  const mount = mounts.find(({ path }) => pattern(path).test(text))
  return mount === undefined ? text : text.replace(pattern(mount.path), (_, before: string) => before + mount.at)
}

/** A path at the beginning, or after what a flag or a list has before it. */
function pattern(path: string): RegExp {
  return new RegExp(`(^|[=:])${path.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}(?=[/:]|$)`)
}

async function fill(volume: Volume, pod: Pod, sources: VolumeSources): Promise<string> {
  const { persistentVolumeClaim: claim, emptyDir } = volume
  if (claim !== undefined) return join(sources.claims, pod.metadata.namespace, claim.claimName)
  const folder = join(sources.folder, 'volumes', volume.name)
  if (emptyDir !== undefined) return folder
  const files = await filesOf(volume, pod, sources)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, path)
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(file, content, { mode: 0o600 })
  }
  return folder
}

async function filesOf({ name, secret, configMap, projected }: Volume, pod: Pod, sources: VolumeSources): Promise<Record<string, string>> {
  const { read, token } = sources
  if (secret !== undefined) return entriesAt(read, 'Secret', secret.secretName, secret)
  if (configMap !== undefined) return entriesAt(read, 'ConfigMap', configMap.name, configMap)
  if (projected === undefined) throw new Error(`volume "${name}" is of a kind that the lab's node does not know`)
  const files: Record<string, string> = {}
  for (const source of projected.sources) {
    if (source.serviceAccountToken !== undefined) files[source.serviceAccountToken.path] = token
    if (source.secret !== undefined) Object.assign(files, await entriesAt(read, 'Secret', source.secret.name, source.secret))
    if (source.configMap !== undefined) Object.assign(files, await entriesAt(read, 'ConfigMap', source.configMap.name, source.configMap))
    for (const { path, fieldRef } of source.downwardAPI?.items ?? []) {
      if (fieldRef?.fieldPath === 'metadata.namespace') files[path] = pod.metadata.namespace
    }
  }
  return files
}

async function entriesAt(
  read: ReadEntries,
  kind: 'Secret' | 'ConfigMap',
  name: string,
  { items, optional }: { readonly items?: readonly KeyToPath[] | undefined; readonly optional: boolean },
): Promise<Record<string, string>> {
  const entries = await read(kind, name)
  if (entries === undefined && !optional) throw new Error(`${kind.toLowerCase()} "${name}" not found`)
  if (items === undefined) return { ...entries }
  const files: Record<string, string> = {}
  for (const { key, path } of items) {
    const value = entries?.[key]
    if (value !== undefined) files[path] = value
    else if (!optional) throw new Error(`references non-existent ${kind.toLowerCase()} key: ${name}/${key}`)
  }
  return files
}
