import { join } from 'node:path'
import type { Console } from '../terminal/console.ts'
import { OperatorError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { printable } from '../base/shell-line.ts'
import type { Remote } from '../tools/git.ts'
import { type GitLogin, isForOther, originOf } from '../tools/git-login.ts'
import type { RegistryLogin } from '../tools/registry-login.ts'
import type { Redactor } from '../base/redactor.ts'
import { stateHome } from '../base/paths.ts'
import type { Tools } from './session.ts'
import { gitLoginOf, registryLoginOf, type Settings, signingKeyOf } from './settings.ts'
import { readLocalSettings, settingsFile } from './cluster-settings.ts'

/** A cluster that the tree has a folder for. */
export interface ClusterInGit {
  /** The folder below kubernetes/clusters; of another layout, the path below. */
  readonly folder: string
  /** In a repository of any layout: the path of it that the cluster follows. Such a tree has no settings.yaml. */
  readonly path?: string
  /** The repository that it is in. */
  readonly remote: Remote
}

/** Which cluster is meant, and what belongs to it: the person's own, or one of the lab's. */
export interface Target {
  readonly context: string
  /** What the tree says of it; undefined where that has no folder for it. */
  readonly inGit: ClusterInGit | undefined
  /** The lab's Git, whatever it holds. */
  readonly labGit?: Remote
  /** The person's login for Git, whatever a cluster follows: it is shown to its own origin alone. */
  readonly login: GitLogin
  /** What the person's commits are signed with, if they are. */
  readonly signingKey?: string
  readonly isLab: boolean
  /** The flags that name it, word by word. */
  readonly flags: readonly string[]
  /** The same, for commands that people are asked to type: `--context infra`. */
  readonly where: string
  /** How people are asked to reach it: `kubectl --context infra`. */
  readonly kubectl: string
  readonly kubeconfig: string | undefined
  readonly tools: Tools
  readonly registry: RegistryLogin
  /** Values the lab puts into each settings.yaml it pushes. */
  readonly overrides: Readonly<Record<string, string>>
  /** Where the runs are kept. */
  readonly runs: string
}

/** What people check before they consent: which cluster it is, and that it is not the lab's. */
export function describeCluster({ context, isLab }: Pick<Target, 'context' | 'isLab'>, server: string): string {
  return `${context} (${server}, ${isLab ? '' : 'not '}the local test lab)`
}

export interface TargetFlags {
  readonly context?: string
  readonly cluster?: string
  readonly lab?: boolean
  readonly kubeconfig?: string
}

/**
 * Finds the target that the flags name, starting the lab where it is the target.
 * @throws OperatorError `usage` where no context is named, or the tree has no folder of the name that --cluster gives
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
  const source = await readSource(flags.cluster ?? flags.context)
  // Settings that were named are to be there.
  if (source === undefined && flags.cluster !== undefined) throw noFolder(flags.cluster, 'the tree has no such cluster')
  const login = gitLoginOf(settings, source?.remote.url ?? (await originHere(signal)))
  if (login.kind === 'none' && (settings.GIT_PASSWORD ?? settings.GIT_SSH_KEY_FILE) !== undefined) {
    console.warning('the login for Git is not used: nothing says which server it is for (GIT_ORIGIN, .env.example)')
  }
  return {
    context: flags.context,
    inGit: source === undefined ? undefined : { folder: source.folder, remote: { ...source.remote, login, ...signingKeyOf(settings) } },
    login,
    ...signingKeyOf(settings),
    isLab: false,
    ...naming(flags, flags.context),
    kubectl: printable([
      'kubectl',
      '--context',
      flags.context,
      ...(flags.kubeconfig === undefined ? [] : ['--kubeconfig', flags.kubeconfig]),
    ]),
    kubeconfig: flags.kubeconfig,
    tools: { kubectl: 'kubectl', helm: 'helm', flux: 'flux' },
    // With no registry of its own to belong to, the login goes to none that others name.
    registry: registryLoginOf(settings, source?.charts ?? ''),
    overrides: {},
    runs: stateHome(),
  }
}

/** What the checkout's settings of a cluster say of the repository that it is in; undefined where the tree has no folder for it. */
async function readSource(folder: string): Promise<{ folder: string; charts: string; remote: Omit<Remote, 'login'> } | undefined> {
  const settings = await readLocalSettings(folder)
  if (settings === undefined) return undefined
  const { git_url: url, git_ref: ref, charts_registry: charts = '' } = settings
  if (url === undefined || ref === undefined) {
    throw new OperatorError(`${settingsFile(folder)} lacks git_url or git_ref`, { kind: 'usage' })
  }
  if (/^https?:\/\/[^/]*@|:\/\/[^/]*:[^/]*@/.test(url)) {
    throw new OperatorError(`git_url in ${settingsFile(folder)} holds a login, which Git then holds forever`, {
      kind: 'usage',
      remedy: 'remove it, change it, and put it into GIT_USERNAME and GIT_PASSWORD (.env.example)',
    })
  }
  return { folder, charts, remote: { url, ref } }
}

/** The URL of the remote `origin` of the repository that the person stands in, if there is one and it is on a server. */
async function originHere(signal: AbortSignal): Promise<string | undefined> {
  const { gitOfPerson } = await import('../tools/git.ts')
  const url = await gitOfPerson(['remote', 'get-url', 'origin'], { cwd: process.cwd(), signal }).catch(() => '')
  signal.throwIfAborted()
  return originOf(url.trim()) === undefined ? undefined : url.trim()
}

/**
 * The cluster's folder and repository, for what can't do without.
 * @param script its name, which does not work without them
 * @throws OperatorError `usage` naming the folder, and the scripts that need none
 */
export function inGitOf({ context, inGit }: Pick<Target, 'context' | 'inGit'>, script: string): ClusterInGit {
  if (inGit !== undefined) return inGit
  throw noFolder(context, `${script} needs the cluster's folder in Git`)
}

function noFolder(name: string, why: string): OperatorError {
  return new OperatorError(`there is no ${settingsFile(name)}: ${why}`, {
    kind: 'usage',
    remedy: `name the folder below kubernetes/clusters with --cluster NAME; without one ${scriptsWithoutFolder.join(', ')} work`,
  })
}

/** What works on any cluster that has a Flux; all others need the cluster's folder. */
export const scriptsWithoutFolder = ['health-check', 'capture', 'restore', 'teardown', 'recover', 'drill', 'upgrade', 'rollback'] as const

function naming({ lab, cluster, kubeconfig }: TargetFlags, context: string): Pick<Target, 'flags' | 'where'> {
  const flags = [
    ...(lab === true ? ['--lab'] : []),
    '--context',
    context,
    ...(cluster === undefined ? [] : ['--cluster', cluster]),
    ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]),
  ]
  return { flags, where: printable(flags) }
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
      remedy: 'omit one of them',
    })
  }
  const context = flags.context ?? 'lab-infra'
  const name = context.replace(/^lab-/, '')
  if (!context.startsWith('lab-') || name === '') {
    throw new OperatorError(`the lab's contexts are lab-infra and lab-apps; not "${context}"`, {
      kind: 'usage',
      remedy: `--lab --context ${nearest(context, ['lab-infra', 'lab-apps']) ?? 'lab-infra'}`,
    })
  }
  const { ensureLab } = await import('../../lab/client.ts')
  const lab = await ensureLab([name], console, signal)
  redactor.hide(lab.git.password)
  const own = { GIT_USERNAME: lab.git.username, GIT_PASSWORD: lab.git.password }
  // A login of the environment may stand in for the lab's own, but not one that says it is for another server.
  const given = gitLoginOf({ ...own, ...settings }, lab.git.url)
  const login = isForOther(given, lab.git.url) ? gitLoginOf(own, lab.git.url) : given
  const labGit = { url: lab.git.url, ref: 'refs/heads/main', login, ...signingKeyOf(settings) }
  return {
    context,
    inGit: lab.rehearsed === undefined ? { folder: flags.cluster ?? name, remote: labGit } : rehearsedIn(lab.rehearsed, name, labGit),
    labGit,
    login,
    ...signingKeyOf(settings),
    isLab: true,
    ...naming(flags, context),
    kubectl: `npx zx scripts/lab.ts kubectl --context ${context} --`,
    kubeconfig: lab.kubeconfig,
    tools: { kubectl: lab.kubectl, helm: lab.helm, flux: join(lab.bin, 'flux') },
    registry: registryLoginOf(settings, undefined),
    overrides: lab.settings,
    runs: join(lab.home, 'runs'),
  }
}

/** What a repository that the lab holds a copy of says of a cluster; undefined where that has no operator, by which scripts could go. */
function rehearsedIn(
  clusters: readonly { readonly name: string; readonly path: string; readonly url: string; readonly hasOperator: boolean }[],
  name: string,
  remote: Remote,
): ClusterInGit | undefined {
  const found = clusters.find((one) => one.name === name)
  return found?.hasOperator === true ? { folder: found.path, path: found.path, remote: { ...remote, url: found.url } } : undefined
}
