import { join } from 'node:path'
import { quote } from 'zx'
import type { Console } from './console.ts'
import { OperatorError } from './errors.ts'
import type { Remote } from './git.ts'
import type { Redactor } from './redactor.ts'
import { stateHome } from './runs.ts'
import type { Tools } from './session.ts'
import { gitLoginOf, type Settings } from './settings.ts'
import { readLocalSettings } from './tree.ts'

/** Which cluster is meant, and what belongs to it: the person's own, or one of the lab's. */
export interface Target {
  readonly context: string
  /** The folder below kubernetes/clusters. */
  readonly folder: string
  readonly isLab: boolean
  /** The flags that name it, word by word. */
  readonly flags: readonly string[]
  /** The same, for commands that people are told to type: `--context infra`. */
  readonly where: string
  /** How people are told to reach it: `kubectl --context infra`. */
  readonly kubectl: string
  readonly kubeconfig: string | undefined
  readonly tools: Tools
  readonly remote: Remote
  /** Values the lab puts into each settings.yaml it pushes. */
  readonly overrides: Readonly<Record<string, string>>
  /** Where the runs are kept. */
  readonly runs: string
}

export interface TargetFlags {
  readonly context?: string
  readonly cluster?: string
  readonly lab?: boolean
  readonly kubeconfig?: string
}

/**
 * Finds the target that the flags name, starting the lab where it is the target.
 * @throws OperatorError `usage` where no context is named, or the tree has no folder for it
 */
export async function findTarget(
  flags: TargetFlags,
  settings: Settings,
  redactor: Redactor,
  console: Console,
  signal: AbortSignal,
): Promise<Target> {
  if (flags.lab === true) return findLabTarget(flags, settings, redactor, console, signal)
  if (flags.context === undefined) {
    throw new OperatorError('which cluster? --context is mandatory', {
      kind: 'usage',
      remedy: 'kubectl config get-contexts; then --context NAME. Or --lab for a cluster on this machine',
    })
  }
  const folder = flags.cluster ?? flags.context
  const { git_url: url, git_ref: ref } = await readLocalSettings(folder)
  if (url === undefined || ref === undefined) {
    throw new OperatorError(`kubernetes/clusters/${folder}/settings.yaml lacks git_url or git_ref`, { kind: 'usage' })
  }
  if (/^https?:\/\/[^/]*@|:\/\/[^/]*:[^/]*@/.test(url)) {
    throw new OperatorError(`git_url in kubernetes/clusters/${folder}/settings.yaml holds a login, which Git then holds for ever`, {
      kind: 'usage',
      remedy: 'take it out, change it, and put it into GIT_USERNAME and GIT_PASSWORD (.env.example)',
    })
  }
  return {
    context: flags.context,
    folder,
    isLab: false,
    ...naming(flags, flags.context),
    kubectl: ['kubectl', '--context', flags.context, ...(flags.kubeconfig === undefined ? [] : ['--kubeconfig', flags.kubeconfig])]
      .map(quote)
      .join(' '),
    kubeconfig: flags.kubeconfig,
    tools: { kubectl: 'kubectl', helm: 'helm', flux: 'flux' },
    remote: { url, ref, login: gitLoginOf(settings) },
    overrides: {},
    runs: stateHome(),
  }
}

function naming({ lab, cluster, kubeconfig }: TargetFlags, context: string): Pick<Target, 'flags' | 'where'> {
  const flags = [
    ...(lab === true ? ['--lab'] : []),
    '--context',
    context,
    ...(cluster === undefined ? [] : ['--cluster', cluster]),
    ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]),
  ]
  return { flags, where: flags.map(quote).join(' ') }
}

async function findLabTarget(
  flags: TargetFlags,
  settings: Settings,
  redactor: Redactor,
  console: Console,
  signal: AbortSignal,
): Promise<Target> {
  if (flags.kubeconfig !== undefined) {
    throw new OperatorError('--lab has a kubeconfig of its own; --kubeconfig is for other clusters', {
      kind: 'usage',
      remedy: 'leave one of them out',
    })
  }
  const context = flags.context ?? 'lab-infra'
  const name = context.replace(/^lab-/, '')
  if (!context.startsWith('lab-') || name === '') {
    throw new OperatorError(`the lab's contexts are lab-infra and lab-apps; not "${context}"`, {
      kind: 'usage',
      remedy: '--lab --context lab-apps',
    })
  }
  const { ensureLab } = await import('../lab/client.ts')
  const lab = await ensureLab([name], console, signal)
  redactor.hide(lab.git.password)
  const login = gitLoginOf({ GIT_USERNAME: lab.git.username, GIT_PASSWORD: lab.git.password, ...settings })
  return {
    context,
    folder: flags.cluster ?? name,
    isLab: true,
    ...naming(flags, context),
    kubectl: `npx zx scripts/lab.ts kubectl --context ${context} --`,
    kubeconfig: lab.kubeconfig,
    tools: { kubectl: join(lab.bin, 'kubectl'), helm: join(lab.bin, 'helm'), flux: join(lab.bin, 'flux') },
    remote: { url: lab.git.url, ref: 'refs/heads/main', login },
    overrides: lab.settings,
    runs: join(lab.home, 'runs'),
  }
}
