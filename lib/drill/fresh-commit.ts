import { join } from 'node:path'
import { git, type Remote } from '../git.ts'

/** Commits nothing but a message to the remote's branch: a new commit that Flux has to apply, and that changes no file. */
export async function pushEmptyCommit(remote: Remote, message: string, folder: string, signal: AbortSignal): Promise<string> {
  const branch = remote.ref.replace(/^refs\/heads\//, '')
  const target = join(folder, `commit-${Date.now()}`)
  await git(remote.login, ['clone', '--quiet', '--bare', '--depth=1', '--filter=blob:none', '--branch', branch, '--', remote.url, target], {
    signal,
  })
  const author = ['-c', 'user.name=flux-runbook', '-c', 'user.email=flux-runbook@localhost']
  const head = (await git({ kind: 'none' }, ['rev-parse', 'HEAD'], { cwd: target, signal })).trim()
  const made = ['commit-tree', '-p', head, '-m', message, `${head}^{tree}`]
  const commit = (await git(remote.login, [...author, ...made], { cwd: target, signal })).trim()
  await git(remote.login, ['push', '--quiet', 'origin', `${commit}:${remote.ref}`], { cwd: target, signal })
  return commit
}
