import { chmodSync, lstatSync, readFileSync, type Stats, statSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { OperatorError } from './errors.ts'
import { shellQuote } from './shell-line.ts'

const root = 0
const notOwners = 0o077
const writableByOthers = 0o022

/** What a folder is for, and what names another one. */
interface Purpose {
  /** `where runs are kept` */
  readonly place: string
  readonly variable: string
  /** What to do with what may be another's in it. */
  readonly check: string
}
/** What a run noted decides what resumes it. */
export const forRuns: Purpose = {
  place: 'where runs are kept',
  variable: 'XDG_STATE_HOME',
  check: 'check what is in it before you resume a run',
}
/** The lab starts the executables, and Node runs what it compiled. */
export const forPrograms: Purpose = {
  place: 'where programs are kept',
  variable: 'XDG_CACHE_HOME',
  check: 'remove it if you do not trust them',
}

/**
 * Makes sure that nobody else can put anything into a folder of this user. One that does not exist yet is fine. Others lose what rights they
 * have on this user's own folder; another user's folder is refused.
 * @param options.me the user's id; Windows has none
 * @param options.isDryRun nothing is changed: only the warning is given
 * @returns a warning where others could have written to it until now, or can
 * @throws OperatorError `blocked` where it is another user's, or not a folder
 */
export function ensureOwnFolder(
  folder: string,
  { place, variable, check }: Purpose,
  { me = process.getuid?.(), isDryRun = false }: { readonly me?: number | undefined; readonly isDryRun?: boolean } = {},
): string[] {
  const found = statSync(folder, { throwIfNoEntry: false })
  if (found === undefined || me === undefined) return []
  if (!found.isDirectory() || !isOf(found, [me])) {
    const what = found.isDirectory() ? `belongs to another user (uid ${found.uid}), who decides what is in it` : 'is not a folder'
    throw new OperatorError(`${folder}, ${place}, ${what}. Nothing was changed`, {
      kind: 'blocked',
      remedy: `ls -ld ${shellQuote(folder)}; then move it away, or set ${variable} to a folder of yours`,
    })
  }
  if ((found.mode & notOwners) === 0) return []
  try {
    if (!isDryRun) chmodSync(folder, 0o700)
  } catch {
    // Root's, or on a file system without modes, as of Windows.
  }
  const couldWrite = (found.mode & writableByOthers) !== 0
  const canWrite = (statSync(folder).mode & writableByOthers) !== 0
  if (canWrite) return [`others can write to ${folder}, ${place}: set ${variable} to a folder that only you can write to`]
  return couldWrite ? [`others could write to ${folder}, ${place}, until now: ${check}`] : []
}

/**
 * A file that a run of this user has written below the folder where runs are kept.
 * @throws OperatorError `blocked` where the file, or a folder or link on the way to it, is another user's, who has put it there
 */
export function readOwnFile(home: string, path: string, me = process.getuid?.()): string {
  const names = relative(home, path).split(sep)
  const places = names.map((_, at) => join(home, ...names.slice(0, at + 1)))
  // A file system may give everything that is on it to one user.
  const owners = me === undefined ? [] : [me, statSync(home).uid]
  const foreign = me === undefined ? undefined : places.find((place) => !isOf(lstatSync(place), owners))
  if (foreign === undefined) return readFileSync(path, 'utf8')
  throw new OperatorError(`${foreign} was not written by a run of yours: it belongs to another user (uid ${lstatSync(foreign).uid})`, {
    kind: 'blocked',
    remedy: `check it, then move it out of ${shellQuote(dirname(foreign))}`,
  })
}

function isOf({ uid }: Pick<Stats, 'uid'>, owners: readonly number[]): boolean {
  return uid === root || owners.includes(uid)
}
