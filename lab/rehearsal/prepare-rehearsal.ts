import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from '../../lib/base/paths.ts'
import { textAt } from '../../lib/commands/validate/at.ts'
import type { ClusterRoot } from '../../lib/commands/validate/cluster-tree.ts'
import { fluxRoots } from '../../lib/commands/validate/flux-roots.ts'
import { readManifests } from '../../lib/commands/validate/manifests.ts'
import { type ValidationSubject, subjectOf } from '../../lib/commands/validate/paths.ts'
import { fetchRepository } from '../../lib/commands/validate/subject.ts'
import type { Git } from '../repository.ts'
import type { SettingValues } from '../settings.ts'
import { type Addresses, placeOf } from './addresses.ts'
import { buildStandIns } from './build-stand-ins.ts'
import { type ChosenRoot, chooseRoots } from './choose-roots.ts'
import { treeOfFolder, writeTree } from './git-copy.ts'
import type { Needs } from './needs.ts'
import type { Rehearsal } from './record.ts'
import { rewriteTree } from './rewrite-tree.ts'
import { randomValues } from './sops-values.ts'
import type { OwnRepository } from './sources.ts'
import { distinct } from './stand-in.ts'

/** What is to be rehearsed with, and what by. */
export interface RehearsalRequest {
  /** PATH or URL[#REF], as the person named it. */
  readonly from: string
  readonly path: string | undefined
  readonly clusters: readonly string[]
  readonly addresses: Addresses
  /** For a tree in this project's own layout. */
  readonly settings: SettingValues
  /** A secret of the lab's, which its random values are made from. */
  readonly seed: string
  readonly kubectl: string
  /** An existing folder, and a file in it for git's index. */
  readonly temporary: string
  readonly index: string
}

/** A repository as the lab can follow it; nothing is committed yet. */
export interface PreparedRehearsal {
  readonly rehearsal: Rehearsal
  /** The tree with everything rewritten, in the lab's Git. */
  readonly rewritten: string
  readonly branches: Needs['branches']
  /** What nothing stands in for, and Flux will miss. */
  readonly warnings: readonly string[]
  /** The versions of Flux that the tree asks for. */
  readonly fluxVersions: readonly string[]
}

/**
 * Copies a repository, and puts something the lab can have in place of all it cannot: charts, artifacts and repositories of others, encrypted
 * values, what only a cluster has. The person's own files are only read.
 * @throws OperatorError `usage` where it does not exist, or it is not clear which path of it a cluster follows
 */
export async function prepareRehearsal(git: Git, request: RehearsalRequest): Promise<PreparedRehearsal> {
  const work = mkdtempSync(join(request.temporary, 'rehearsal-'))
  try {
    const subject = subjectOf(projectRoot, process.cwd(), [request.from])
    const original = await originalTree(git, subject, join(work, 'fetched'), request.index)
    const copy = join(work, 'copy')
    await writeTree(git, original, copy, request.index)
    const found = await readManifests(copy, '.')
    const roots = fluxRoots(copy, found)
    const chosen = chooseRoots(copy, roots, request)
    const own = ownRepository(subject, chosen, roots)
    const rewriting = { own, addresses: request.addresses, randomly: randomValues(request.seed) }
    const standIns = await rewriteTree(copy, rewriting, request.settings)
    const built = await buildStandIns(copy, chosen, request)
    const rewritten = await treeOfFolder(git, copy, request.index, true)
    const clusters = chosen.map(({ cluster: name, start }) => {
      const { url, hasOperator } = built.roots.get(start.cluster) ?? { url: '', hasOperator: false }
      return { name, path: start.cluster, url: url === '' ? request.addresses.privateGit : url, hasOperator }
    })
    return {
      rehearsal: {
        from: subject.is === 'remote' ? request.from : subject.is === 'folder' ? subject.root : projectRoot,
        ...(request.path === undefined ? {} : { path: request.path }),
        original,
        clusters,
        standIns: distinct([...standIns, ...built.standIns]),
        artifacts: [...built.needs.artifacts],
      },
      rewritten,
      branches: built.needs.branches,
      warnings: built.warnings,
      fluxVersions: built.fluxVersions,
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function originalTree(git: Git, subject: ValidationSubject, fetched: string, index: string): Promise<string> {
  if (subject.is === 'folder') return treeOfFolder(git, subject.root, index, false)
  if (subject.is === 'checkout') return treeOfFolder(git, projectRoot, index, false)
  await fetchRepository(subject, fetched)
  return treeOfFolder(git, fetched, index, true)
}

/** How a tree names its own repository: by the sources that its clusters follow. */
function ownRepository(subject: ValidationSubject, chosen: readonly ChosenRoot[], roots: readonly ClusterRoot[]): OwnRepository {
  const urls = [...roots.map(({ url }) => url ?? ''), subject.is === 'remote' ? subject.url : '']
  const sources = chosen.map(({ start: { root } }) => {
    const ref = (field: string): string => textAt(root.object, 'spec', 'sourceRef', field)
    return `${ref('kind') || 'GitRepository'} ${ref('name') || root.name}`
  })
  return { places: new Set(urls.filter((url) => url !== '').map(placeOf)), sources: new Set(sources) }
}
