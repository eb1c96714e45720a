import { constants, existsSync, readdirSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OperatorError } from '../lib/base/errors.ts'
import { nearest } from '../lib/base/nearest.ts'
import { forgetCluster } from '../lib/runner/run-store.ts'
import { type EtcdKey, parseKeys, showKeys } from './etcd-keys.ts'
import type { Layout } from './layout.ts'

export function listSnapshots(layout: Layout): string[] {
  if (!existsSync(layout.snapshots)) return []
  return readdirSync(layout.snapshots)
    .filter((name) => !name.startsWith('.'))
    .sort()
}

/** Throws a usage error unless the name can be a snapshot's. */
export function checkSnapshotName(name: string): void {
  if (/^[a-z0-9][a-z0-9._-]{0,62}$/i.test(name)) return
  throw new OperatorError(`"${name}" cannot be a snapshot's name: letters, digits, dots and dashes only`, {
    kind: 'usage',
    remedy: 'npx zx scripts/lab.ts snapshot before-upgrade',
  })
}

/** Throws a usage error, naming those there are, unless there is a snapshot of that name. */
export function checkSnapshot(layout: Layout, name: string): void {
  const names = listSnapshots(layout)
  if (names.includes(name)) return
  const close = name === '' ? undefined : nearest(name, names)
  const there = names.length === 0 ? 'none was made yet' : `there are ${names.join(', ')}`
  const what = name === '' ? 'which snapshot?' : `there is no snapshot "${name}";`
  throw new OperatorError(`${what} ${close === undefined ? there : `did you mean ${close}?`}`, {
    kind: 'usage',
    remedy: `npx zx scripts/lab.ts ${names.length === 0 ? 'snapshot NAME' : `reset ${close ?? names[0]}`}`,
  })
}

/** What of a cluster's folder a snapshot holds, beside what etcd keeps. */
const clusterParts = ['keys', 'node']

/** Keeps what these clusters and Git are now; a snapshot of that name is replaced. */
export async function keepSnapshot(layout: Layout, name: string, clusters: Readonly<Record<string, readonly EtcdKey[]>>): Promise<void> {
  const target = join(layout.snapshots, name)
  const growing = join(layout.snapshots, `.${name}`)
  await rm(growing, { recursive: true, force: true })
  for (const [cluster, keys] of Object.entries(clusters)) {
    const kept = join(growing, 'clusters', cluster)
    await mkdir(kept, { recursive: true })
    await writeFile(join(kept, 'etcd.json'), showKeys(keys), { mode: 0o600 })
    for (const part of clusterParts) await copy(join(layout.clusters, cluster, part), join(kept, part))
  }
  await copy(dirname(layout.repository), join(growing, 'git'))
  await rm(target, { recursive: true, force: true })
  await rename(growing, target)
}

/** Makes Git, and the clusters' folders, what they were when the snapshot was made. @returns what etcd kept of each cluster then */
export async function restoreSnapshot(layout: Layout, name: string): Promise<Record<string, EtcdKey[]>> {
  const kept = join(layout.snapshots, name)
  const incoming = join(layout.temporary, 'incoming')
  await rm(incoming, { recursive: true, force: true })
  await copy(kept, incoming) // all is copied before anything is replaced
  const clusters: Record<string, EtcdKey[]> = {}
  for (const cluster of readdirSync(join(incoming, 'clusters'))) {
    // Nobody restored a backup: what runs knew of the cluster is of the state that is left.
    forgetCluster(join(layout.home, 'runs'), `lab-${cluster}`)
    clusters[cluster] = parseKeys(await readFile(join(incoming, 'clusters', cluster, 'etcd.json'), 'utf8'))
    for (const part of clusterParts) await replace(join(layout.clusters, cluster, part), join(incoming, 'clusters', cluster, part))
  }
  await replace(dirname(layout.repository), join(incoming, 'git'))
  await rm(incoming, { recursive: true })
  return clusters
}

async function replace(place: string, by: string): Promise<void> {
  await rm(place, { recursive: true, force: true })
  await mkdir(dirname(place), { recursive: true })
  await rename(by, place)
}

/**
 * Copies a folder to where nothing is. Of what programs in pods write meanwhile, files may be gone when their turn comes: then it begins
 * again, with nothing there, for a link that was copied before leads back to where it came from, and is refused.
 * @param attempt copies once
 */
export async function copy(from: string, to: string, attempt = copyOnce): Promise<void> {
  for (let again = 0; ; again++) {
    try {
      return await attempt(from, to)
    } catch (error) {
      if (again === 5 || !isMissing(error)) throw error
      await rm(to, { recursive: true, force: true })
    }
  }
}

function copyOnce(from: string, to: string): Promise<void> {
  return cp(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE })
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
