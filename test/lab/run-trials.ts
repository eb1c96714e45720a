import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { inject } from 'vitest'
import { inParallel } from '../../lib/base/parallel.ts'
import { type LabAccess, labAccess } from '../../lab/client.ts'
import { ambiguousCalls } from '../ambiguous-calls.ts'
import { refusedCalls } from '../own-calls.ts'
import { misread, printedCommands } from '../printed-commands.ts'
import { type Trial, unknownTrials } from '../trial.ts'

/** Printed commands of other programs, one of each shape, that are still to be tried on the lab of this file. */
const untried = new Map<string, Trial>()

/** The printed commands that bash does not read as they were meant, that our own scripts would refuse, or that may find another object. */
export function cannotBePasted(output: string): string[] {
  const commands = printedCommands(output)
  for (const trial of unknownTrials(commands)) untried.set(trial.shape, trial)
  return [...misread(output), ...refusedCalls(commands, inject('helpPages')), ...ambiguousCalls(commands)]
}

/** Tries them at the end of a file, when nothing of its tests is disturbed by it. */
export async function tryPrinted(): Promise<void> {
  const refused = await refusedTrials(await labAccess(), [...untried.values()], false)
  untried.clear()
  if (refused.length > 0) throw new Error(`printed to be pasted, and not understood:\n${refused.join('\n')}`)
}

/** How each names the cluster, and does not wait for one that does not answer. */
const clusterFlags = {
  kubectl: ['--context=lab-infra', '--request-timeout=10s'],
  flux: ['--context=lab-infra', '--timeout=10s'],
  helm: ['--kube-context=lab-infra'],
  git: [],
} as const

/** That the program does not know such a command or flag, or lacks one, whatever the cluster is like. */
const usageErrors =
  /unknown (?:shorthand )?(?:flag|command)|flag needs an argument|invalid argument|bad flag syntax|required flag|requires? (?:at least|at most|exactly)|accepts (?:at most )?\d|flags in the group|unable to parse|invalid JSON|^error: (?:you must|there is no need|resource\(s\) were provided|arguments in resource|flag|must specify|exactly one|.* is required)|the server doesn't have a resource type|See '(?:kubectl|git) [^']*'/im

/** Kinds of an API group that a cluster may be without, such as those of Flux where it is not. */
const missingKind = /the server doesn't have a resource type "[a-z]+(?:\.[a-z.]+)?"/

/** Runs them on lab-infra; returns what their programs do not understand. */
export async function refusedTrials({ bin, kubeconfig, home }: LabAccess, trials: readonly Trial[], isWhole: boolean): Promise<string[]> {
  const found = await inParallel(trials, 4, async ({ program, words }): Promise<string[]> => {
    const path = program === 'git' ? program : join(bin, program)
    const { isFailed, said } = await run(path, [...clusterFlags[program], ...words], {
      KUBECONFIG: kubeconfig,
      HOME: home,
      PATH: process.env.PATH,
    })
    const isHelp = words.includes('--help')
    if (isHelp && program !== 'kubectl' && said.includes('Available Commands:'))
      return [`${program} ${words.join(' ')}\n  is not a command of it`]
    if (isFailed && usageErrors.test(said) && (isWhole || !missingKind.test(said)))
      return [`${program} ${words.join(' ')}\n  ${said.trim()}`]
    return []
  })
  return found.flat()
}

function run(path: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<{ isFailed: boolean; said: string }> {
  return new Promise((resolve) => {
    const child = execFile(path, words, { env, timeout: 30_000 }, (error, stdout, stderr) => {
      resolve({ isFailed: error !== null, said: stderr === '' ? stdout : stderr })
    })
    child.stdin?.end()
  })
}
