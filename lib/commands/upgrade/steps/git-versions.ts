import { counted } from '../../../base/counted.ts'
import { printable } from '../../../base/shell-line.ts'
import { setTimeout as pause } from 'node:timers/promises'
import { showDuration } from '../../../base/duration.ts'
import { messageOf, OperatorError } from '../../../base/errors.ts'
import { branchOf, headOf, readAt, type Remote } from '../../../tools/git.ts'
import { betweenTries, changedMeanwhile, untilOnTop } from './on-top.ts'
import { type GitClone, inClone, PushError } from '../../../tools/git-clone.ts'
import { requestUrl } from '../../../tools/pull-request-url.ts'
import type { StepContext } from '../../../runner/step.ts'
import type { Step } from '../../../runner/step.ts'
import type { SaidVersions, VersionFile } from '../version-file.ts'

/** The versions that Git shall say, and how they get there. */
export interface GitVersions {
  readonly remote: Remote
  /** The file of the repository that says them. */
  readonly file: VersionFile
  readonly versions: SaidVersions
  readonly message: string
  /** The name of what is suspended while Git still says the version that the cluster is rolled back from. */
  readonly suspended: string
  /** Proposed on this branch where the one that Flux follows takes no pushes. */
  readonly branch: string | undefined
  /** A folder of the run's own. */
  readonly folder: string
  /** Receives the commit before it is pushed, and the empty string where the push was refused. */
  readonly made: (commit: string) => void
}

/** What the branch that Flux follows has. */
export interface BranchVersions {
  /** The commit at its head, and whether that says the versions. Throws where Git cannot be reached. */
  readonly read: (signal: AbortSignal) => Promise<{ commit: string; isSo: boolean; now: SaidVersions }>
  /** The commit that was last seen, or pushed, to say the versions: what Flux is to get to. */
  readonly commit: () => string | undefined
  readonly pushed: (commit: string) => void
}

/** Checks the branch that Flux follows; a commit that was read is not read again. */
export function followed({ remote, file, versions, folder }: Pick<GitVersions, 'remote' | 'file' | 'versions' | 'folder'>): BranchVersions {
  const read = new Map<string, SaidVersions>()
  let known: string | undefined
  return {
    commit: () => known,
    pushed(commit) {
      known = commit
    },
    async read(signal) {
      const commit = await headOf(remote, signal)
      const now = read.get(commit) ?? file.read(await readAt(remote, commit, file.path, folder, signal))
      read.set(commit, now)
      const isSo = says(now, versions)
      if (isSo) known = commit
      return { commit, isSo, now }
    },
  }
}

function says(now: SaidVersions, wanted: SaidVersions): boolean {
  return Object.entries(wanted).every(([key, value]) => Object.entries(now).some(([name, is]) => name === key && is === value))
}

/** Commits the versions on top of the remote's head and pushes; the person's own checkout is not touched. */
export function ensureVersionsInGit(change: GitVersions, at: BranchVersions): Step {
  const { remote, file, versions, message, branch, folder, made } = change
  const target = branch ?? branchOf(remote)
  const proposed = branch === undefined ? undefined : followed({ ...change, remote: { ...remote, ref: `refs/heads/${branch}` } })
  return {
    id: 'git',
    title: branch === undefined ? `Change the version in Git (${target})` : `Propose the version in Git, on branch ${branch}`,
    risk: 'change',
    async check({ signal }) {
      const pushed = at.commit()
      const seen = await at.read(signal).catch((error: unknown) => {
        if (pushed === undefined) throw error
        return { commit: pushed, isSo: true, now: versions } // Git has gone away since; what was pushed there stays
      })
      const { commit, isSo, now } = seen
      if (isSo) return { is: 'done', detail: `${branchOf(remote)} says ${shownLines(versions, now)} at ${commit.slice(0, 12)}` }
      const there = await proposed?.read(signal).catch(() => undefined) // no such branch yet
      if (there?.isSo === true)
        return { is: 'done', detail: `${branch} says ${shownLines(versions, there.now)} at ${there.commit.slice(0, 12)}` }
      const changed = Object.entries(versions).flatMap(([key, value]) => {
        const is = Object.entries(now).find(([name]) => name === key)?.[1] ?? ''
        return is === value ? [] : [{ key, is, value }]
      })
      return {
        is: 'todo',
        change: `commit and push to ${target}: ${file.path} on top of commit ${commit.slice(0, 12)}: ${changed.map(({ key, is, value }) => `${key} ${is} becomes ${value}`).join(', ')}`,
        commands: [],
        byHand: [
          `${printable(['git', 'commit', '-m', message, '--', file.path])} && git push origin HEAD:${target}   # once the file says so`,
        ],
        details: changed.flatMap(({ key, is, value }) => [`- ${key}: ${is}`, `+ ${key}: ${value}`]),
      }
    },
    apply: ({ signal, console, verifyLocked }) => {
      let before: string | undefined
      return untilOnTop(signal, () =>
        inClone(remote, folder, signal, async (clone) => {
          const content = await clone.read(file.path)
          before ??= content
          if (content !== before) throw changedMeanwhile(remote, file.path)
          const commit = await clone.commit(file.path, await file.write(clone, versions), message)
          for (const line of mostOf(await clone.diff(clone.head, commit), commit)) console.faint(`  ${line}`)
          await verifyLocked() // a clone may take minutes
          made(commit)
          await clone.push(target).catch((error: unknown) => {
            if (error instanceof PushError && error.because !== 'unknown') made('') // nothing was pushed
            throw error
          })
          if (branch === undefined) at.pushed(commit)
        }),
      )
    },
    watches: [],
  }
}

/** Flux's own manifests differ in a hundred lines from one version to the next. */
const mostLines = 40

function mostOf(diff: string, commit: string): string[] {
  const lines = diff.split('\n')
  const left = lines.length - mostLines
  return left <= 0 ? lines : [...lines.slice(0, mostLines), `and ${counted(left, 'more line')}: git show ${commit.slice(0, 12)}`]
}

/** Waits until the request is merged: the branch that Flux follows then says the versions. */
export function awaitMerge({ remote, versions }: Pick<GitVersions, 'remote' | 'versions'>, branch: string, at: BranchVersions): Step {
  const into = branchOf(remote)
  const url = requestUrl(remote.url, branch, into)
  const where = url ?? `for branch ${branch}, where your Git host shows its branches`
  return {
    id: 'merge',
    title: `Wait until ${branch} is merged into ${into}`,
    risk: 'safe',
    async check({ signal }) {
      const seen = await at.read(signal).catch((error: unknown) => messageOf(error))
      if (typeof seen === 'string') return { is: 'waiting', on: seen }
      if (seen.isSo) return { is: 'done', detail: `${into} says ${shownLines(versions, seen.now)} at ${seen.commit.slice(0, 12)}` }
      return { is: 'waiting', on: `someone to open and merge the pull request: ${where}` }
    },
    apply: () => Promise.resolve(),
    watches: [], // Git has no events: it is asked every few seconds
  }
}

/** Reverts the versions in Git: `git revert` where the commit changed nothing else, else a commit that restores the lines. Never by force. */
export function ensureReverted(change: GitVersions, at: BranchVersions, finish: () => readonly string[]): Step {
  const { remote, file, versions, branch } = change
  const target = branch === undefined ? branchOf(remote) : `${branch}-rollback`
  const proposed = branch === undefined ? undefined : followed({ ...change, remote: { ...remote, ref: `refs/heads/${target}` } })
  return {
    id: 'git',
    title: branch === undefined ? `Revert the version in Git (${target})` : `Propose the revert in Git, on branch ${target}`,
    risk: 'change',
    async check({ signal }) {
      const seen = await at.read(signal).catch((error: unknown) => messageOf(error))
      if (typeof seen === 'string' && at.commit() !== undefined) return { is: 'done', detail: `pushed ${at.commit()?.slice(0, 12)}` }
      if (typeof seen === 'string') return { is: 'todo', change: `once Git answers (${seen}): ${shownLines(versions)}`, commands: finish() }
      if (seen.isSo)
        return { is: 'done', detail: `${branchOf(remote)} says ${shownLines(versions, seen.now)} at ${seen.commit.slice(0, 12)}` }
      if (proposed !== undefined && (await proposed.read(signal).catch(() => undefined))?.isSo === true)
        return { is: 'done', detail: `${target} says ${shownLines(versions)}` }
      return {
        is: 'todo',
        change: `commit and push to ${target}: ${file.path} on top of commit ${seen.commit.slice(0, 12)}: ${shownLines(versions)}`,
        commands: finish(),
      }
    },
    async apply(run, progress) {
      const commit = await untilPushed(run, progress, change, target, finish)
      if (branch === undefined) at.pushed(commit)
    },
    watches: [],
  }
}

/** Tries until it is pushed: Git may be away, or move on meanwhile. */
async function untilPushed(
  run: StepContext,
  progress: (text: string) => void,
  { remote, file, versions, message, folder, suspended }: GitVersions,
  target: string,
  finish: () => readonly string[],
): Promise<string> {
  const deadline = Date.now() + run.timeout
  for (;;) {
    try {
      return await inClone(remote, folder, run.signal, async (clone) => {
        const reverted = await revertIn(clone, file, versions)
        const commit = reverted ?? (await clone.commit(file.path, await file.write(clone, versions), message))
        await run.verifyLocked()
        await clone.push(target)
        return commit
      })
    } catch (thrown) {
      run.signal.throwIfAborted()
      await run.verifyLocked() // another's cluster is not to get another version by Git, however often that is tried
      const words = messageOf(thrown)
      if (Date.now() > deadline || (thrown instanceof PushError && thrown.because === 'refused')) {
        throw new OperatorError(
          `Git still has the new version, because it could not be changed for ${showDuration(run.timeout)}: ${words}. The cluster runs the old version, and ${suspended} is suspended so that it stays there`,
          { remedy: finish().join('\n    '), cause: thrown },
        )
      }
      progress(`trying again: ${words.split('\n')[0]}`)
      await pause(betweenTries, undefined, { signal: run.signal })
    }
  }
}

/** Reverts the newest commit that changed the file, where that is all it changed and gives these versions. */
async function revertIn(clone: GitClone, file: VersionFile, versions: SaidVersions): Promise<string | undefined> {
  const [newest] = await clone.history(file.path)
  if (newest === undefined) return undefined
  const files = await clone.filesOf(newest).catch(() => [])
  const before = await clone.show(`${newest}^`, file.path).catch(() => '')
  if (files.length !== 1 || before === '' || before !== (await file.write(clone, versions))) return undefined
  return clone.revert(newest)
}

/** `flux_version 2.9.5, operator_version 0.59.0`. */
export function shownLines(versions: SaidVersions, now: SaidVersions = {}): string {
  return Object.entries(Object.keys(versions).length === 0 ? now : versions)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ')
}
