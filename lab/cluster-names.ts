import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../lib/base/errors.ts'
import { nearest } from '../lib/base/nearest.ts'
import type { Layout } from './layout.ts'

/** The clusters of the tree, in the order people name them; a lab may have others beside them. */
export const treeClusters: readonly string[] = ['infra', 'apps']
/** A name is part of a socket's path, which has little room. */
export const longestClusterName = 20

/** Names in order: the tree's own clusters first. */
export function inClusterOrder(names: Iterable<string>): string[] {
  const rank = (name: string): number => (treeClusters.includes(name) ? treeClusters.indexOf(name) : treeClusters.length)
  return [...new Set(names)].sort((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1))
}

/** The clusters whose data the lab has on disk. */
export function savedClusters(layout: Layout): string[] {
  if (!existsSync(layout.clusters)) return []
  return inClusterOrder(readdirSync(layout.clusters).filter((name) => existsSync(join(layout.clusters, name, 'etcd', 'member'))))
}

/** Throws a usage error unless a lab's cluster can have this name. */
export function checkClusterName(name: string): void {
  if (new RegExp(`^[a-z]([a-z0-9-]{0,${longestClusterName - 2}}[a-z0-9])?$`).test(name)) return
  throw new OperatorError(
    `"${name}" cannot be a cluster's name: small letters, digits and dashes only, at most ${longestClusterName}, a letter first`,
    { kind: 'usage', remedy: 'npx zx scripts/lab.ts up --clusters infra,apps' },
  )
}

/** Throws a usage error where the lab has no cluster of this name yet, and it is not one of the tree's: only `lab up` makes others. */
export function checkCluster(layout: Layout, name: string): void {
  checkClusterName(name)
  const known = inClusterOrder([...treeClusters, ...savedClusters(layout)])
  if (known.includes(name)) return
  const close = nearest(name, known)
  throw new OperatorError(
    `the lab has no cluster "${name}"; ${close === undefined ? `there are ${known.join(', ')}` : `did you mean ${close}?`}`,
    { kind: 'usage', remedy: `to make it: npx zx scripts/lab.ts up --clusters ${name}` },
  )
}
