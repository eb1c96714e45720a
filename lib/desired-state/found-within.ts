import { lstat, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'

/**
 * What is at a path of a checkout, links followed as long as they stay in it. undefined where there is nothing, where it is neither file nor
 * folder, or where it leads out of the checkout: to another's files, a device without an end, or a terminal that is waited for.
 */
export async function foundWithin(root: string, path: string): Promise<'file' | 'folder' | undefined> {
  const [realRoot, real] = await Promise.all([root, join(root, path)].map((one) => realpath(one).catch(() => undefined)))
  if (realRoot === undefined || real === undefined || (real !== realRoot && !real.startsWith(realRoot + sep))) return undefined
  const found = await lstat(real)
  return found.isDirectory() ? 'folder' : found.isFile() ? 'file' : undefined
}
