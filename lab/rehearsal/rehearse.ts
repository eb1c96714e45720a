import { readFileSync } from 'node:fs'
import { OperatorError } from '../../lib/base/errors.ts'
import { shellQuote } from '../../lib/base/shell-line.ts'
import { labEnvironment, type Layout } from '../layout.ts'
import { branchHead, gitOf } from '../repository.ts'
import { olderFlux } from '../build/recipe.ts'
import type { SettingValues } from '../settings.ts'
import type { LabStatus } from '../status.ts'
import { type Committed, commitCopies, makeBranch } from './git-copy.ts'
import { prepareRehearsal } from './prepare-rehearsal.ts'
import { pushStandIns, readRehearsal, type Rehearsal, saveRehearsal } from './record.ts'

/** A repository that is to be in the lab's Git in place of this checkout's tree. */
export interface WantedRepository {
  /** PATH or URL[#REF]. */
  readonly from: string
  /** The path of it that the clusters are to follow. */
  readonly path?: string | undefined
  readonly message?: string
  /** Replaces what others have committed. */
  readonly overwrite?: boolean
}

/** What came of it. */
export interface Rehearsed {
  readonly committed: Committed
  readonly rehearsal: Rehearsal
  /** What nothing stands in for. */
  readonly warnings: readonly string[]
}

/** The lab that is to have it. */
export interface RunningPlace {
  readonly layout: Layout
  readonly status: LabStatus
  readonly settings: SettingValues
  /** A file of the lab's, for git's index. */
  readonly index: string
}

/**
 * Puts a copy of a repository into the lab's Git, and what stands in for what the lab cannot have into its registry.
 * @throws OperatorError `blocked` where the lab's Git has another tree
 */
export async function rehearse({ layout, status, settings, index }: RunningPlace, wanted: WantedRepository): Promise<Rehearsed> {
  const git = gitOf(layout.repository, labEnvironment(layout))
  const before = readRehearsal(layout)
  const isTaken = before === undefined && (await branchHead(git)) !== undefined
  if (isTaken) throw taken('the tree of flux-runbook', wanted)
  const { url, privateUrl } = status.git
  const { rehearsal, rewritten, branches, warnings, fluxVersions } = await prepareRehearsal(git, {
    from: wanted.from,
    path: wanted.path,
    clusters: status.clusters.map(({ name }) => name),
    addresses: {
      registry: status.registry.address,
      git: url,
      privateGit: privateUrl,
      standInsGit: url.replace('/fleet.git', '/stand-ins/fleet.git'),
      operatorVersion: status.operatorVersion,
    },
    settings,
    seed: readFileSync(layout.gitPassword, 'utf8'),
    kubectl: status.kubectl === '' ? `${status.bin}/kubectl` : status.kubectl,
    temporary: layout.temporary,
    index,
  })
  if (before !== undefined && before.from !== rehearsal.from) throw taken(`a copy of ${before.from}`, wanted)
  const target = { address: status.registry.address, password: readFileSync(layout.gitPassword, 'utf8').trim() }
  const message = wanted.message ?? `${wanted.from} as the lab found it`
  // First what Flux will fetch, then what tells it to.
  await pushStandIns(target, rehearsal.artifacts)
  for (const [name, files] of Object.entries(branches)) await makeBranch(git, name, files, index)
  saveRehearsal(layout, rehearsal)
  const committed = await commitCopies(git, { original: rehearsal.original, rewritten, message, overwrite: wanted.overwrite === true })
  return { committed, rehearsal, warnings: [...warnings, ...notBuilt(fluxVersions, status)] }
}

/** Versions of Flux that the lab has no programs for: their pods would end in ImagePullBackOff. */
export function notBuilt(versions: readonly string[], { images }: Pick<LabStatus, 'images'>): string[] {
  // Flux 2.9.5 has source-controller 1.9.5.
  const isThere = (version: string): boolean =>
    images.some(({ image, tag }) => image === 'source-controller' && tag === `v1${version.slice(version.indexOf('.'))}`)
  return versions
    .filter((version) => !isThere(version))
    .map((version) => {
      const isBuildable = olderFlux.some((one) => one === version)
      const remedy = isBuildable ? `build it: npx zx scripts/lab.ts up --flux ${version}` : 'ask for another version in your own repository'
      return `Flux ${version}, which the tree asks for, has no programs in this lab; ${remedy}`
    })
}

/** Clusters may follow what is there. */
function taken(what: string, { from, path }: WantedRepository): OperatorError {
  const again = `npx zx scripts/lab.ts up --repository ${shellQuote(from)}${path === undefined ? '' : ` --path ${shellQuote(path)}`}`
  return new OperatorError(`the lab's Git has ${what}, which its clusters may follow; nothing was replaced`, {
    kind: 'blocked',
    remedy: `npx zx scripts/lab.ts down; then: ${again}`,
  })
}
