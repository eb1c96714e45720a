import { existsSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'

/** Whether this is the installed command, which is made of JavaScript; a checkout has TypeScript. */
export const isInstalledCommand = import.meta.filename.endsWith('.js')

/** What this code came with: the checkout, or the package. Documents, the lab's sources and a tree to begin with are there. */
export const packageRoot = isInstalledCommand ? resolve(import.meta.dirname, '..') : resolve(import.meta.dirname, '..', '..')

/** The repository that is worked on: the scripts' own checkout; for the installed command, the one of the working directory. */
export const projectRoot = isInstalledCommand ? repositoryOf(process.cwd()) : packageRoot

/** Whose `kubernetes/` the lab's Git begins with: the repository's; one that has none is lent the package's own. */
export function labTreeRoot(repository = projectRoot): string {
  return existsSync(join(repository, 'kubernetes', 'clusters')) ? repository : packageRoot
}

/**
 * The nearest folder upwards that is a repository, or holds `kubernetes/clusters` or an `.env`; else the folder itself. A parent that another
 * user owns, or can write to, is not searched: what lies there decides where logins are sent.
 */
export function repositoryOf(folder: string): string {
  const marks = ['.git', join('kubernetes', 'clusters'), '.env']
  for (let here = folder; ; here = dirname(here)) {
    if (marks.some((mark) => existsSync(join(here, mark)))) return here
    if (here === dirname(here) || !isTrusted(dirname(here), folder)) return folder
  }
}

function isTrusted(parent: string, folder: string): boolean {
  const { uid, mode } = statSync(parent)
  return (uid === process.getuid?.() || uid === statSync(folder).uid) && (mode & 0o022) === 0
}

/** Where the runs of all contexts are kept, on this person's machine. */
export function stateHome(): string {
  const named = process.env.XDG_STATE_HOME ?? ''
  // The specification has anything but an absolute path ignored.
  return join(isAbsolute(named) ? named : join(homedir(), '.local', 'state'), 'flux-runbook')
}

/** A file named in the settings: `~` is the person's home. */
export function expandHome(path: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(projectRoot, path)
}

/** One of the package's own files, for a text that names it: by its path in the checkout, where the reader is; else by its whole path. */
export function ownFile(path: string): string {
  return isInstalledCommand ? join(packageRoot, path) : path
}
