import { shellQuote } from '../../../base/shell-line.ts'
import { branchOf, type Remote } from '../../../tools/git.ts'
import { inClone } from '../../../tools/git-clone.ts'
import type { RunState } from '../../../runner/run-state.ts'
import type { Step } from '../../../runner/step.ts'
import { describeDowntime, recordRebuild, readRebuildState } from '../state.ts'
import type { Proof } from '../../teardown/steps/verify-gone.ts'

const path = (): string => `docs/maintenance/${new Date().getUTCFullYear()}.md`
const header = `# Maintenance

| began | what | cluster | outcome | Flux was away | objects that stayed alive |
| --- | --- | --- | --- | --- | --- |
`

/**
 * Adds a line on the window to Git: when, what, how it ended, for how long Flux was away. No host names, no URLs: who reads the repository
 * need not know them.
 */
export function ensureRecorded(remote: Remote, folder: string, cluster: string, proof: () => Proof): Step {
  const branch = branchOf(remote)
  return {
    id: 'record',
    title: 'Record the window in Git',
    risk: 'change',
    check({ memory }) {
      const { recordedIn } = readRebuildState(memory)
      if (recordedIn !== undefined) return Promise.resolve({ is: 'done', detail: `in ${path()}, commit ${recordedIn.slice(0, 12)}` })
      return Promise.resolve({
        is: 'todo',
        change: `add a line to ${path()} on ${branch}`,
        commands: [],
        byHand: [`git commit ${shellQuote(path())} && git push`],
      })
    },
    async apply(run) {
      const line = lineOf(run, cluster, proof())
      await inClone(remote, folder, run.signal, async (clone) => {
        const text = (await clone.history(path())).length === 0 ? header : await clone.read(path())
        const commit = await clone.commit(path(), `${text.trimEnd()}\n${line}\n`, `Record a ${run.script}`)
        await run.verifyLocked()
        await clone.push(branch)
        recordRebuild(run.memory, { recordedIn: commit })
      })
    },
  }
}

function lineOf({ script, memory }: { script: string; memory: RunState }, cluster: string, { survival }: Proof): string {
  const { stoppedAt, away } = describeDowntime(memory)
  const survivors = survival === undefined ? '' : `${survival.checked}`
  return `| ${stoppedAt} | ${script} | ${cluster} | done | ${away} | ${survivors} |`
}
