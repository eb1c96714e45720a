import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { git, type Remote } from '../git.ts'
import type { Memory } from '../memory.ts'
import type { Run } from '../run.ts'
import type { Step } from '../step.ts'
import { describeAway, noteRebuild, rebuildNotes } from './rebuild-notes.ts'
import type { Proof } from './verify-gone.ts'

const path = (): string => `docs/maintenance/${new Date().getUTCFullYear()}.md`
const header = `# Maintenance

| began | what | cluster | outcome | Flux was away | objects that stayed alive |
| --- | --- | --- | --- | --- | --- |
`

/**
 * Adds a line on the window to Git: when, what, how it ended, for how long Flux was away. No host names, no URLs: who reads the repository
 * need not know them.
 */
export function ensureRecorded(remote: Remote, folder: string, cluster: string, proof: Proof): Step {
  const branch = remote.ref.replace(/^refs\/heads\//, '')
  return {
    id: 'record',
    title: 'Record the window in Git',
    risk: 'change',
    look({ memory }) {
      const { recordedIn } = rebuildNotes(memory)
      if (recordedIn !== undefined) return Promise.resolve({ is: 'done', detail: `in ${path()}, commit ${recordedIn.slice(0, 12)}` })
      return Promise.resolve({ is: 'todo', change: `add a line to ${path()} on ${branch}`, commands: [`git commit ${path()} && git push`] })
    },
    async act(run) {
      const clone = await mkdtemp(join(folder, 'record-'))
      try {
        await addLine(remote, branch, clone, lineOf(run, cluster, proof), run)
      } finally {
        await rm(clone, { recursive: true, force: true, maxRetries: 3 })
      }
    },
  }
}

async function addLine(remote: Remote, branch: string, clone: string, line: string, { memory, signal, script }: Run): Promise<void> {
  const here = { cwd: clone, signal }
  await git(remote.login, ['clone', '--quiet', '--depth=1', '--single-branch', '--branch', branch, '--', remote.url, clone], { signal })
  const file = join(clone, path())
  await mkdir(dirname(file), { recursive: true })
  const text = await readFile(file, 'utf8').catch(() => header)
  await writeFile(file, `${text.trimEnd()}\n${line}\n`)
  await git({ kind: 'none' }, ['add', '--', path()], here)
  const { username } = userInfo()
  const author = ['-c', `user.name=${username}`, '-c', `user.email=${username}@localhost`]
  await git({ kind: 'none' }, [...author, 'commit', '--quiet', '--message', `Record a ${script}`], here)
  await git(remote.login, ['push', '--quiet', remote.url, `HEAD:refs/heads/${branch}`], here)
  noteRebuild(memory, { recordedIn: (await git({ kind: 'none' }, ['rev-parse', 'HEAD'], here)).trim() })
}

function lineOf({ script, memory }: { script: string; memory: Memory }, cluster: string, { survival }: Proof): string {
  const { stoppedAt, away } = describeAway(memory)
  const alive = survival === undefined ? '' : `${survival.checked}`
  return `| ${stoppedAt} | ${script} | ${cluster} | done | ${away} | ${alive} |`
}
