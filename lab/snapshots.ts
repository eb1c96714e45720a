import { constants, existsSync, readdirSync } from 'node:fs'
import { cp, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OperatorError } from '../lib/errors.ts'
import { nearest } from '../lib/nearest.ts'
import { clusterNames, type Layout } from './layout.ts'

/** The clusters whose data the lab has on disk. */
export function savedClusters(layout: Layout): string[] {
  return clusterNames.filter((name) => existsSync(join(layout.clusters, name, 'etcd', 'member')))
}

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

/** Keeps what clusters and Git are now; a snapshot of that name is replaced. Nothing may be running. */
export async function keepSnapshot(layout: Layout, name: string): Promise<void> {
  const target = join(layout.snapshots, name)
  const growing = join(layout.snapshots, `.${name}`)
  await rm(growing, { recursive: true, force: true })
  for (const { saved, place } of parts(layout)) await copy(place, join(growing, saved))
  await rm(target, { recursive: true, force: true })
  await rename(growing, target)
}

/** Makes clusters and Git what they were when the snapshot was made. Nothing may be running. */
export async function restoreSnapshot(layout: Layout, name: string): Promise<void> {
  const incoming = join(layout.temporary, 'incoming')
  await rm(incoming, { recursive: true, force: true })
  // All is copied before anything is replaced.
  for (const { saved } of parts(layout)) await copy(join(layout.snapshots, name, saved), join(incoming, saved))
  for (const { saved, place } of parts(layout)) {
    await rm(place, { recursive: true, force: true })
    await rename(join(incoming, saved), place)
  }
}

function parts(layout: Layout): { saved: string; place: string }[] {
  return [
    { saved: 'clusters', place: layout.clusters },
    { saved: 'git', place: dirname(layout.repository) },
  ]
}

function copy(from: string, to: string): Promise<void> {
  return cp(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE })
}
