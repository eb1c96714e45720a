import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import type { Console, Waiting } from '../lib/terminal/console.ts'
import { OperatorError } from '../lib/base/errors.ts'
import { ensureKeys } from './cluster-keys.ts'
import { type SupervisorCommand, command, NoSupervisor } from './control.ts'
import { ensureExecutables, ensureHelm3, ensureOlderKubectl } from './build/executables.ts'
import { olderKubectl } from './build/optional-recipes.ts'
import { labHome } from './home.ts'
import { labTreeRoot, projectRoot } from '../lib/base/paths.ts'
import { checkCluster, checkClusterName } from './cluster-names.ts'
import { commitClusterFolders } from './cluster-folders.ts'
import { controlSocket, keysFolder, labEnvironment, type Layout, layoutOf, makeFolders } from './layout.ts'
import { readRehearsal, type Rehearsal } from './rehearsal/record.ts'
import { type Rehearsed, rehearse, type WantedRepository } from './rehearsal/rehearse.ts'
import { gitOf } from './repository.ts'
import { isPushed, type PushResult, pushTree } from './seed.ts'
import { labSettings, type SettingValues } from './settings.ts'
import { ensureSupervisor } from './start-supervisor.ts'
import { type LabStatus, statusSchema } from './status.ts'

/** How scripts reach the lab. */
export interface LabAccess {
  readonly home: string
  readonly kubeconfig: string
  /** `lab-infra`, `lab-apps`: those that are up. */
  readonly contexts: readonly string[]
  /** One repository under two addresses: `url`, with user and password, is the one that Flux follows. */
  readonly git: { readonly url: string; readonly anonymousUrl: string; readonly username: string; readonly password: string }
  /** Host and port; plain http. */
  readonly registry: string
  /** What the lab's Git has in each cluster's settings.yaml in place of the checkout's own values. */
  readonly settings: SettingValues
  /** Where Git has a copy of a repository of any layout: what each cluster follows of it. */
  readonly rehearsed: Rehearsal['clusters'] | undefined
  /** The folder with the lab's kubectl, helm and flux. */
  readonly bin: string
  /** The helm to use, which may be another than the one in that folder. */
  readonly helm: string
  /** The kubectl to use, likewise. */
  readonly kubectl: string
}

/**
 * Has these clusters up, with Git and registry: builds, starts and repairs whatever it takes.
 * @throws OperatorError `usage` for a cluster that is neither the tree's nor the lab's: a wrong name starts none
 */
export async function ensureLab(clusters: readonly string[], console: Console, signal?: AbortSignal): Promise<LabAccess> {
  const layout = layoutOf(labHome())
  for (const name of clusters) checkCluster(layout, name)
  const { status } = await bringUp(clusters, console, signal)
  return accessOf(layout, status)
}

/** What a lab is to have beside its own; tools stay until it is down. */
export interface LabChoice {
  readonly olderFlux?: readonly string[]
  /** The major version of helm. */
  readonly helm?: string | undefined
  /** The minor version of kubectl. */
  readonly kubectl?: string | undefined
  /** A repository to have a copy of in Git, in place of this checkout's tree. */
  readonly repository?: WantedRepository | undefined
}

/** As `ensureLab`, with this choice; shows which clusters had to be started. */
export async function bringUp(
  clusters: readonly string[],
  console: Console,
  signal?: AbortSignal,
  { olderFlux = [], helm: major, kubectl: minor, repository }: LabChoice = {},
): Promise<{ started: string[]; status: LabStatus; rehearsed?: Rehearsed }> {
  const layout = layoutOf(labHome())
  for (const name of clusters) checkClusterName(name)
  const executables = await ensureExecutables(console, signal, olderFlux)
  const chosen = major === '3' ? await ensureHelm3(console, signal) : executables.helm
  const helm = major === undefined ? undefined : chosen
  const isOlder = minor === olderKubectl
  const kubectl = minor === undefined ? undefined : isOlder ? await ensureOlderKubectl(console, signal) : executables.kubectl
  let waiting: Waiting | undefined
  const say = (text: string): void => {
    if (waiting === undefined) waiting = console.wait(text)
    else waiting.on(text)
  }
  try {
    makeFolders(layout)
    const supervisor = ensureSupervisor(layout, (before) => {
      if (before === 'killed') console.warning('the lab had been killed: it comes back with its clusters and Git as they were')
      say('starting the lab')
    })
    // Keys take as long to make as the supervisor to start.
    const keys = clusters.map((name) => ensureKeys(keysFolder(layout, name), executables.controlPlane, labEnvironment(layout)))
    const [socket] = await Promise.all([supervisor, ...keys])
    const started = v.parse(
      v.array(v.string()),
      await command(socket, { do: 'up', clusters: [...clusters], executables, helm, kubectl }, say, signal),
    )
    let status = await readStatus(socket)
    const rehearsed = repository === undefined ? undefined : await rehearseIn(layout, status, repository, say)
    if (rehearsed !== undefined) status = await readStatus(socket)
    else if (status.git.head === undefined) {
      if (labTreeRoot() !== projectRoot)
        console.faint(`there is no kubernetes/clusters in ${projectRoot}: the lab's Git begins with the tree of flux-runbook`)
      await pushInto(layout, status, { message: 'The tree as the lab found it', overwrite: false })
      status = await readStatus(socket)
    }
    if (readRehearsal(layout) === undefined)
      await commitClusterFolders(gitOf(layout.repository, labEnvironment(layout)), namesOf(status), indexOf(layout))
    if (status.bin !== executables.bin) {
      console.warning(
        'the lab runs with executables of another build; npx zx scripts/lab.ts down ends it, and the next up takes the new ones',
      )
    }
    waiting?.success(`the lab is up: ${describeClusters(status)}`)
    return { started, status, ...(rehearsed === undefined ? {} : { rehearsed }) }
  } catch (error) {
    waiting?.stop()
    throw signal?.aborted === true ? stoppedWaiting('starting') : error
  }
}

/** The person does not want to wait; the supervisor does not stop halfway. */
function stoppedWaiting(what: string): OperatorError {
  return new OperatorError(`stopped waiting; the lab continues ${what} by itself`, {
    kind: 'cancelled',
    remedy: 'npx zx scripts/lab.ts status, or npx zx scripts/lab.ts down',
  })
}

/** `infra (https://127.0.0.1:6443)`, for each. */
export function describeClusters({ clusters }: LabStatus): string {
  return clusters.map(({ name, server }) => `${name} (${server})`).join(', ')
}

/** The lab's access, where it is up. Throws `blocked` where it is not. */
export async function labAccess(): Promise<LabAccess> {
  return accessOf(layoutOf(labHome()), await upStatus())
}

/** What the lab reports about itself; undefined where it is down. */
export async function labStatus(): Promise<LabStatus | undefined> {
  const socket = controlSocket(layoutOf(labHome()))
  if (socket === undefined) return undefined
  return readStatus(socket).catch((error: unknown) => {
    if (error instanceof NoSupervisor) return undefined
    throw error
  })
}

/** Has the lab carry out a command. Throws `blocked` where it is not up. */
export async function reportLab(
  wanted: SupervisorCommand,
  say: (text: string) => void = () => undefined,
  signal?: AbortSignal,
): Promise<unknown> {
  const socket = controlSocket(layoutOf(labHome()))
  if (socket === undefined) throw notUp()
  return command(socket, wanted, say, signal).catch((error: unknown) => {
    if (signal?.aborted === true) throw stoppedWaiting(`with "${wanted.do}"`)
    throw error instanceof NoSupervisor ? notUp() : error
  })
}

/** Commits this checkout's `kubernetes/` to the lab's Git, with the lab's own addresses in it; or the repository that Git has a copy of, again. */
export async function push(options: { message: string; overwrite: boolean }): Promise<PushResult> {
  const layout = layoutOf(labHome())
  const status = await upStatus()
  const rehearsal = readRehearsal(layout)
  if (rehearsal === undefined) return pushInto(layout, status, options)
  return (await rehearseIn(layout, status, { ...options, from: rehearsal.from, path: rehearsal.path })).committed
}

function rehearseIn(layout: Layout, status: LabStatus, wanted: WantedRepository, say?: (text: string) => void): Promise<Rehearsed> {
  say?.(`copying ${wanted.from}`)
  return rehearse({ layout, status, settings: settingsOf(status), index: indexOf(layout) }, wanted)
}

/** Whether the lab's Git has this checkout's `kubernetes/` as it is on disk; of another repository that is not asked. */
export async function isTreePushed(status: LabStatus): Promise<boolean> {
  const layout = layoutOf(labHome())
  if (readRehearsal(layout) !== undefined) return true
  const git = gitOf(layout.repository, labEnvironment(layout))
  return isPushed(git, { root: labTreeRoot(), values: settingsOf(status), clusters: namesOf(status), index: indexOf(layout) })
}

async function pushInto(layout: Layout, status: LabStatus, options: { message: string; overwrite: boolean }): Promise<PushResult> {
  const git = gitOf(layout.repository, labEnvironment(layout))
  return pushTree(git, { root: labTreeRoot(), values: settingsOf(status), clusters: namesOf(status), index: indexOf(layout), ...options })
}

function namesOf({ clusters }: LabStatus): string[] {
  return clusters.map(({ name }) => name)
}

function indexOf(layout: Layout): string {
  return join(layout.temporary, `index-${process.pid}`)
}

async function readStatus(socket: string): Promise<LabStatus> {
  const status = v.safeParse(statusSchema, await command(socket, { do: 'status' }))
  if (status.success) return status.output
  throw new OperatorError('the lab was started by another version of these scripts, and is incompatible', {
    kind: 'blocked',
    remedy: 'npx zx scripts/lab.ts down',
    cause: v.summarize(status.issues),
  })
}

async function upStatus(): Promise<LabStatus> {
  const status = await labStatus()
  if (status === undefined) throw notUp()
  return status
}

function notUp(): OperatorError {
  return new OperatorError(`the lab in ${labHome()} is not up`, { kind: 'blocked', remedy: 'npx zx scripts/lab.ts up' })
}

function settingsOf({ git, registry, operatorVersion }: LabStatus): SettingValues {
  return labSettings({ registry: registry.address, gitUrl: git.privateUrl, operatorVersion })
}

function accessOf(layout: Layout, status: LabStatus): LabAccess {
  const { url: anonymousUrl, privateUrl: url, username } = status.git
  return {
    home: layout.home,
    kubeconfig: layout.kubeconfig,
    contexts: status.clusters.map(({ context }) => context),
    git: { url, anonymousUrl, username, password: readFileSync(layout.gitPassword, 'utf8').trim() },
    registry: status.registry.address,
    rehearsed: readRehearsal(layout)?.clusters,
    settings: settingsOf(status),
    bin: status.bin,
    helm: status.helm,
    kubectl: status.kubectl === '' ? join(status.bin, 'kubectl') : status.kubectl,
  }
}
