import { existsSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { shell } from '../process/command.ts'
import { childEnvironment } from '../process/environment.ts'
import { printable } from '../base/shell-line.ts'
import { OperatorError } from '../base/errors.ts'
import { checksumOf } from './write-verified.ts'

/** The files that --out and --copy-to name; undefined where the flag was not given. */
export interface Destinations {
  readonly out: string | undefined
  readonly copy: string | undefined
}

/**
 * The files that a command's flags name for the capture of a context: the same is asked of a copy as of the capture.
 * @throws OperatorError as `destinationOf`
 */
export async function destinationsOf(
  flags: { readonly out?: string; readonly 'copy-to'?: string },
  context: string,
  isForSeveral: boolean,
  own?: string,
): Promise<Destinations> {
  const place = async (named: string | undefined): Promise<string | undefined> =>
    named === undefined ? undefined : destinationOf(named, context, isForSeveral, own)
  return { out: await place(flags.out), copy: await place(flags['copy-to']) }
}

/**
 * The file that a flag names for the capture of a context.
 * @param named what the flag says: a file; a folder where it is one already, or where there are several contexts
 * @param own the checksum of what the same run wrote there before it was interrupted
 * @throws OperatorError `usage` where it is there otherwise, its folder is not (as on a disk that is not mounted), or Git would track it
 */
export async function destinationOf(named: string, context: string, isForSeveral: boolean, own?: string): Promise<string> {
  const path = resolve(named)
  const isFolder = isForSeveral || named.endsWith('/') || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  const file = isFolder ? join(path, `${encodeURIComponent(context)}.age`) : path
  if (existsSync(file) && (own === undefined || (await checksumOf(file)) !== own)) {
    throw new OperatorError(`${file} exists already, and may be the only good capture`, { kind: 'usage', remedy: 'name another file' })
  }
  verifyMounted(dirname(file))
  const checkout = await checkoutThatTracks(file)
  if (checkout === undefined) return file
  throw new OperatorError(`${file} is in a Git checkout, ${checkout}, which does not ignore it: a capture never goes into Git`, {
    kind: 'usage',
    remedy: 'name a file outside of it',
  })
}

/** Where other disks are mounted. */
const mountPlaces = ['/media/', '/mnt/', '/run/media/', '/Volumes/']

/** A folder that is missing among the other disks is a disk that is missing: made here, it would be on this one. */
export function verifyMounted(folder: string): void {
  if (existsSync(folder) || !mountPlaces.some((place) => folder.startsWith(place))) return
  throw new OperatorError(`the folder ${folder} does not exist: is its disk mounted? Nothing was written`, {
    kind: 'usage',
    remedy: `mount it; or, if the folder is new on a mounted disk: ${printable(['mkdir', '-p', folder])}`,
  })
}

/** The checkout that the file, which need not be there yet, is in and would be committed with. */
async function checkoutThatTracks(file: string): Promise<string | undefined> {
  const existing = ancestorsOf(file).find((folder) => existsSync(folder)) ?? '/'
  const real = join(realpathSync(existing), relative(existing, file))
  const checkout = ancestorsOf(real).find((folder) => existsSync(join(folder, '.git')))
  if (checkout === undefined) return undefined
  const asked = await shell(childEnvironment(), { cwd: checkout })`git check-ignore --quiet -- ${real}`.nothrow()
  return asked.exitCode === 0 ? undefined : checkout
}

/** The folders above a file, the nearest first. */
function ancestorsOf(file: string): string[] {
  const above = dirname(file)
  return above === file ? [] : [above, ...ancestorsOf(above)]
}
