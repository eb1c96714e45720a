import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { messageOf, OperatorError } from '../lib/base/errors.ts'

/** Who may enter by `/private/fleet.git`. */
export const gitUsername = 'flux'
export const branch = 'main'
/** The last commit that was made from a checkout: what came to the folder after it was committed by others. */
export const pushedRef = 'refs/lab/pushed'

/** git of the PATH on the lab's repository; resolves with what it printed, without the last line's end. */
export type Git = (args: readonly string[], more?: { env?: Record<string, string>; cwd?: string; input?: string }) => Promise<string>

const identity = ['AUTHOR', 'COMMITTER'].flatMap((who) => [
  [`GIT_${who}_NAME`, 'lab'],
  [`GIT_${who}_EMAIL`, 'lab@localhost'],
])

/** git with no settings but the repository's own. */
export function gitOf(repository: string, env: Record<string, string>): Git {
  const ours = { ...env, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_DIR: repository, ...Object.fromEntries(identity) }
  return async (args, more = {}) => {
    const running = promisify(execFile)('git', args, { env: { ...ours, ...more.env }, cwd: more.cwd ?? dirname(repository) })
    running.child.stdin?.on('error', () => undefined).end(more.input ?? '')
    return (await running).stdout.trimEnd()
  }
}

/** Makes the bare repository unless it is there. Throws where git cannot serve it. */
export async function ensureRepository(repository: string, env: Record<string, string>): Promise<void> {
  mkdirSync(dirname(repository), { recursive: true, mode: 0o700 })
  const git = gitOf(repository, env)
  try {
    const programs = await git(['--exec-path'])
    if (!existsSync(`${programs}/git-http-backend`)) {
      throw new OperatorError(`this git cannot serve over HTTP: ${programs} has no git-http-backend`, {
        kind: 'blocked',
        remedy: 'install the full git of your system (git-daemon on Alpine), and run again',
      })
    }
    if (!existsSync(`${repository}/HEAD`)) {
      await git(['init', '--quiet', '--bare', `--initial-branch=${branch}`, repository])
      await git(['config', 'transfer.hideRefs', 'refs/lab']) // the lab's own bookkeeping
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error
    throw new OperatorError(`git cannot make the lab's repository: ${messageOf(error)}`, {
      kind: 'blocked',
      remedy: 'install git, and run again',
    })
  }
}

/** The commit that the branch is at; an empty repository has none. */
export async function branchHead(git: Git): Promise<string | undefined> {
  return git(['rev-parse', '--verify', '--quiet', `refs/heads/${branch}`]).catch(() => undefined)
}

/** The password of the private address, made when first asked for. */
export function openGitPassword(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o600 })
  return readFileSync(file, 'utf8').trim()
}
