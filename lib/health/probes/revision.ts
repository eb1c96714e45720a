import { join } from 'node:path'
import * as v from 'valibot'
import { kindArgument, type KubeObject, nameOf, refOf } from '../../kubernetes/objects.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { describeSuspension, isSuspended, suspensionIn } from '../../flux/suspension.ts'
import { onceEach } from '../../base/once.ts'
import { parseDuration, showDuration } from '../../base/duration.ts'
import type { Remote } from '../../tools/git.ts'
import { historyOf } from '../git-history.ts'
import { loginFor, whyNoLogin } from '../../tools/git-login.ts'
import { doesNotApply, type ProbeFindings, foundAmong, type Probe, type Trouble } from '../probe.ts'
import type { Snapshot } from '../snapshot.ts'
import { type FluxSource, syncSourceOf } from '../../flux/followed.ts'
import { requestedAtAnnotation } from '../../flux/annotations.ts'
import { appliedRevision, fetchedRevision } from '../../flux/revision.ts'

const sourceSchema = v.object({
  spec: v.object({
    url: v.string(),
    interval: v.string(),
    secretRef: v.optional(v.unknown()),
    provider: v.optional(v.string(), 'generic'),
    ref: v.optional(
      v.object({
        name: v.optional(v.string()),
        branch: v.optional(v.string()),
        tag: v.optional(v.string()),
        semver: v.optional(v.string()),
        commit: v.optional(v.string()),
      }),
      {},
    ),
  }),
})

/** What the remote's head is, Flux has fetched and applied. */
export const revision: Probe = {
  id: 'revision',
  title: 'Revision',
  async check(snapshot) {
    const { kubectl, cluster } = snapshot
    const readHead = onceEach(remoteKey, async (remote: Remote) => (await loadGit()).headOf(remote, cluster.signal))
    askSoon(snapshot, readHead).catch(() => undefined) // asked again below, where a failure counts
    const { follows, namespace, expectsOperator } = await snapshot.installation()
    if (follows === undefined) return doesNotApply('Flux follows no source: no Kustomization, and no sync of a FluxInstance, names one')
    const object = nameOf(follows.source)
    if (follows.source.kind !== fluxKinds.gitRepository.kind) return doesNotApply(`Flux follows ${object}, which is not Git`)
    const source = await snapshot.get(follows.source)
    if (source === undefined) {
      const next = expectsOperator
        ? `${kubectl} --namespace ${namespace} describe fluxinstance flux`
        : `${kubectl} get kustomizations --all-namespaces`
      return foundAmong('Flux follows no Git repository', [{ object, reason: 'does not exist', next }])
    }
    const followed = followedIn(source, snapshot)
    return 'whyNot' in followed ? doesNotApply(followed.whyNot) : compareWithHead(snapshot, follows, { source, ...followed }, readHead)
  },
}

/** Git may take longer to answer than the API does to list everything: where a FluxInstance says what to ask for, it is asked meanwhile. */
async function askSoon(snapshot: Snapshot, readHead: (remote: Remote) => Promise<string>): Promise<void> {
  const instance = await snapshot.instance()
  const named = instance === undefined ? undefined : syncSourceOf(instance)
  if (named?.kind !== fluxKinds.gitRepository.kind) return
  const [source] = await Promise.all([snapshot.get({ ...fluxKinds.gitRepository, ...named }), prepareFor(named.url)])
  const followed = source === undefined ? undefined : followedIn(source, snapshot)
  if (followed !== undefined && !('whyNot' in followed) && followed.commit === undefined) await readHead(followed.remote)
}

async function prepareFor(url: string): Promise<void> {
  const [{ wayTo }] = await Promise.all([import('../../tools/git-configuration.ts'), loadGit()])
  await wayTo(url)
}

/** Loaded while the API answers: what starts programs takes longer to load than to send all requests. */
function loadGit(): Promise<typeof import('../../tools/git.ts')> {
  return import('../../tools/git.ts')
}

function remoteKey({ url, ref }: Remote): string {
  return `${url} ${ref}`
}

interface Followed {
  readonly remote: Remote
  /** The one commit that the source is to stay at. */
  readonly commit: string | undefined
  readonly interval: string
}

/** Which head a source is to be at, or why it cannot be compared with one. */
function followedIn(source: KubeObject, { login }: Snapshot): Followed | { readonly whyNot: string } {
  const { spec } = v.parse(sourceSchema, source)
  const { commit, name, semver } = spec.ref
  if (commit === undefined && name === undefined && semver !== undefined)
    return { whyNot: `${nameOf(refOf(source))} follows the newest tag in ${semver}, and no branch` }
  if (commit !== undefined && !/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(commit))
    return { whyNot: `${nameOf(refOf(source))} names a commit that cannot be one: ${commit}` } // git would take it for a flag
  // What Flux reads without a login, anyone can be asked for; else there is nobody to ask, which is not trouble of Flux's.
  if ((spec.secretRef !== undefined || spec.provider !== 'generic') && loginFor(login, spec.url).kind === 'none')
    return { whyNot: `not compared with Git: ${whyNoLogin(login, spec.url)}` }
  return { remote: { url: spec.url, ref: gitRefOf(spec.ref, fetchedRevision(source)), login }, commit, interval: spec.interval }
}

async function compareWithHead(
  snapshot: Snapshot,
  follows: FluxSource,
  { source, remote, commit, interval }: Followed & { readonly source: KubeObject },
  readHead: (remote: Remote) => Promise<string>,
): Promise<ProbeFindings> {
  const { cluster, kubectl, now, folder } = snapshot
  const [root, head] = await Promise.all([snapshot.get(follows.root), commit ?? readHead(remote)])
  const fetched = commitOf(fetchedRevision(source))
  const applied = commitOf(appliedRevision(root))
  const at = head.slice(0, 12)
  if (fetched === head && applied === head) return foundAmong(`at the head of ${remote.ref.replace('refs/heads/', '')}, ${at}`, [])
  const late = fetched === head ? follows.root : follows.source
  const stopped = fetched === head ? root : source
  // Who has suspended it keeps it where it is; how it is resumed, another probe says.
  if (stopped !== undefined && isSuspended(stopped)) {
    const is = fetched === head ? `has applied ${named(applied)}` : `has fetched ${named(fetched)}`
    const reason = `${is}; the head of ${remote.ref} is ${at}, and it is ${describeSuspension(suspensionIn(stopped.metadata))}`
    return foundAmong(`behind ${remote.ref.replace('refs/heads/', '')}`, [], [{ object: nameOf(late), reason }])
  }
  const seen = await historyOf(remote, { head, fetched, at: fetchedAt(source) }, join(folder(), `head-${now}`), cluster.signal)
  const age = now - seen.time
  const about = `the head of ${remote.ref} is ${at}, ${showDuration(age)} old`
  const isRewritten = fetched !== head && seen.isRewritten
  const reason =
    fetched === head
      ? `has applied ${named(applied)}, not ${at} yet`
      : `has fetched ${named(fetched)}${isRewritten ? ', which is not in its history any more: it was rewritten' : ''}; ${about}`
  const next = `${kubectl} --namespace ${late.namespace} annotate ${kindArgument(late)} ${late.name} --overwrite ${requestedAtAnnotation}="$(date +%s)"`
  const behind: Trouble = { object: nameOf(late), reason, next, ...(isRewritten ? { damage: 'history-rewritten' as const } : {}) }
  // A commit this young is on its way.
  const isYoung = age < 2 * (parseDuration(interval) ?? 0) + 60_000
  return foundAmong(`behind ${remote.ref.replace('refs/heads/', '')}`, isYoung ? [] : [behind], isYoung ? [behind] : [])
}

/**
 * The ref that a source follows, as source-controller decides it: a commit before a name, that before a range, a tag and a branch. Of a
 * range it is the tag that was chosen, so that a tag which was moved shows.
 */
export function gitRefOf({ name, branch, tag, semver }: v.InferOutput<typeof sourceSchema>['spec']['ref'], fetched: string): string {
  if (name !== undefined) return name
  if (semver !== undefined) return `refs/tags/${fetched.split('@')[0] ?? ''}`
  return tag === undefined ? `refs/heads/${branch ?? 'master'}` : `refs/tags/${tag}`
}

/** `refs/heads/main@sha1:…` */
function commitOf(artifact: string): string {
  return artifact.split(':').at(-1) ?? ''
}

const artifactSchema = v.object({ status: v.object({ artifact: v.object({ lastUpdateTime: v.string() }) }) })

/** In milliseconds; NaN where it has fetched nothing. */
function fetchedAt(source: KubeObject): number {
  const read = v.safeParse(artifactSchema, source)
  return read.success ? Date.parse(read.output.status.artifact.lastUpdateTime) : NaN
}

function named(commit: string): string {
  return commit === '' ? 'nothing' : commit.slice(0, 12)
}
