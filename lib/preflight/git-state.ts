import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { yamlValue } from '../base/yaml.ts'
import type { Cluster } from '../kubernetes/client.ts'
import { fluxKinds } from '../flux/kinds.ts'
import type { Ref } from '../kubernetes/objects.ts'
import { comesFrom, progressOf, checkoutState } from '../tools/git-history.ts'
import type { Tree } from '../desired-state/tree.ts'
import { OperatorError } from '../base/errors.ts'
import { branchOf, type Remote } from '../tools/git.ts'
import { blocks, type Finding, notice } from './preflight.ts'
import { fetchedRevision } from '../flux/revision.ts'

const pathSchema = v.object({ spec: v.object({ path: v.string() }) })

/** How far the cluster's Flux is behind the remote's head, and what the commits between change of what it follows. */
export async function checkBehind(cluster: Cluster, tree: Tree, folder: string): Promise<Finding[]> {
  const { namespace, syncName, commit, remote } = tree
  const folders = [tree.sync.path, ...tree.kustomizations.map((kustomization) => v.parse(pathSchema, kustomization).spec.path)]
  return checkBehindHead(cluster, { source: { ...fluxKinds.gitRepository, namespace, name: syncName }, commit, remote, folders }, folder)
}

/** What a cluster follows of a repository, and the head of that. */
export interface FollowedHead {
  readonly source: Ref
  readonly remote: Remote
  readonly commit: string
  /** Those that it reads there. */
  readonly folders: readonly string[]
}

/** The same for any source. */
export async function checkBehindHead(
  cluster: Cluster,
  { source: ref, remote, commit, folders }: FollowedHead,
  folder: string,
): Promise<Finding[]> {
  const source = await cluster.get(ref)
  const at = /(?<![0-9a-f])[0-9a-f]{40,}$/.exec(fetchedRevision(source))?.[0]
  if (at === undefined || at === commit) return []
  const progress = await progressOf(remote, at, commit, folder, cluster.signal)
  const [from, to] = [at.slice(0, 12), commit.slice(0, 12)]
  if (progress === undefined) {
    return [
      notice(`Flux is at ${from}, which is not in the history of ${remote.ref} at ${to}: that history was rewritten; Flux will follow it`),
    ]
  }
  const below = folders.map((path) => path.replace(/^\.?\//, '').replace(/\/$/, '')).map((path) => (path === '.' ? '' : `${path}/`))
  const files = progress.files.filter((file) => below.some((path) => file.startsWith(path)))
  const change = files.length === 0 ? 'nothing of what this cluster follows' : few(files)
  return [
    notice(
      `Flux is ${count(progress.commits, 'commit')} behind Git, at ${from} of ${to} (${few(progress.commits)}); they change ${change}`,
    ),
  ]
}

/** Whether what Flux follows can be changed by a push. */
export function checkFollowsBranch(remote: Remote): Finding[] {
  try {
    branchOf(remote)
    return []
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    return [blocks(error.message, error.remedy ?? '')]
  }
}

/** What is in the person's own checkout and not in Git, which is all that a run uses. */
export async function checkPushed(
  root: string,
  { commit, remote }: Pick<Tree, 'commit' | 'remote'>,
  signal: AbortSignal,
  folder = 'kubernetes',
): Promise<Finding[]> {
  if (!(await comesFrom(root, remote.url, signal))) return []
  const { unpushed, uncommitted } = await checkoutState(root, commit, folder, signal)
  const basis = `this run uses ${remote.ref} at ${commit.slice(0, 12)}`
  const found: Finding[] = []
  if (unpushed === undefined) found.push(notice(`this checkout does not know the remote's head; ${basis}`, 'git pull'))
  else if (unpushed.length > 0) {
    found.push(notice(`${count(unpushed, 'commit')} of this checkout not pushed (${few(unpushed)}); ${basis}`, 'git push'))
  }
  if (uncommitted.length > 0) found.push(notice(`not committed in this checkout: ${few(uncommitted)}; ${basis}`, 'git status'))
  return found
}

/** The same in the lab, whose Git holds this checkout's tree with the lab's own values (`overrides`) in each settings.yaml. */
export async function checkLabPushed(root: string, checkout: string, overrides: Readonly<Record<string, string>>): Promise<Finding[]> {
  const [here, there] = await Promise.all([root, checkout].map((folder) => readTree(join(folder, 'kubernetes'))))
  if (here === undefined || there === undefined) return []
  const names = [...new Set([...here.keys(), ...there.keys()])]
  const differing = names.filter((name) => {
    const [mine, theirs] = [here.get(name), there.get(name)]
    if (mine === theirs) return false
    return !(name.endsWith('/settings.yaml') && mine !== undefined && theirs !== undefined && isSame(mine, theirs, overrides))
  })
  if (differing.length === 0) return []
  const what = `the lab's Git differs from this checkout's kubernetes/ in ${few(differing)}; this run uses the lab's Git`
  const lines = differing.flatMap((name) =>
    name.endsWith('/settings.yaml') ? settingsChanged(here.get(name), there.get(name), overrides) : [],
  )
  const effect = lines.length === 0 ? '' : `a push would change ${few(lines)} there; if that is meant: `
  return [notice(what, `${effect}npx zx scripts/lab.ts push`)]
}

async function readTree(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return new Map(await Promise.all(files.map(async (file) => [file.slice(folder.length + 1), await readFile(file, 'utf8')] as const)))
}

const settingsSchema = v.object({ data: v.record(v.string(), v.string()) })

/** What a push would change in a cluster's settings: `flux_version 2.9.4 to 2.9.5`. */
function settingsChanged(mine: string | undefined, theirs: string | undefined, overrides: Readonly<Record<string, string>>): string[] {
  const [own, other] = [mine, theirs].map((text) => v.safeParse(settingsSchema, text === undefined ? undefined : yamlValue(text)))
  if (own?.success !== true || other?.success !== true) return []
  const [to, from] = [own.output.data, other.output.data]
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].filter((name) => !(name in overrides) && from[name] !== to[name])
  return names.map((name) => `${name} ${from[name] ?? '(none)'} to ${to[name] ?? '(none)'}`)
}

function isSame(mine: string, theirs: string, overrides: Readonly<Record<string, string>>): boolean {
  const [own, other] = [mine, theirs].map((text) => v.parse(settingsSchema, yamlValue(text)).data)
  if (own === undefined || other === undefined) return false
  const names = new Set([...Object.keys(own), ...Object.keys(other)])
  return [...names].every((name) => name in overrides || own[name] === other[name])
}

function count(list: readonly string[], what: string): string {
  return `${list.length} ${what}${list.length === 1 ? '' : 's'}`
}

/** The first five, and how many more. */
function few(list: readonly string[]): string {
  const rest = list.length - 5
  return `${list.slice(0, 5).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}
