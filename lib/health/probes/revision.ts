import { join } from 'node:path'
import * as v from 'valibot'
import { kinds, nameOf } from '../../cluster/objects.ts'
import { parseDuration, showDuration } from '../../duration.ts'
import { git, headOf, type Remote } from '../../git.ts'
import { foundAmong, type Probe } from '../probe.ts'

const sourceSchema = v.object({
  spec: v.object({
    url: v.string(),
    interval: v.string(),
    ref: v.optional(v.object({ name: v.optional(v.string()), branch: v.optional(v.string()), tag: v.optional(v.string()) }), {}),
  }),
  status: v.optional(v.object({ artifact: v.nullish(v.object({ revision: v.string() })) }), {}),
})
const rootSchema = v.object({ status: v.optional(v.object({ lastAppliedRevision: v.optional(v.string(), '') }), {}) })

/** What the remote's head is, Flux has fetched and applied. */
export const revision: Probe = {
  id: 'revision',
  title: 'Revision',
  async look({ cluster, kubectl, login, now, folder, namespace: findNamespace }) {
    const namespace = await findNamespace()
    const ref = { namespace, name: namespace }
    const [source, root] = await Promise.all([
      cluster.get({ ...kinds.gitRepository, ...ref }),
      cluster.get({ ...kinds.kustomization, ...ref }),
    ])
    const object = nameOf({ ...kinds.gitRepository, ...ref })
    if (source === undefined) {
      const next = `${kubectl} --namespace ${namespace} describe fluxinstance flux`
      return foundAmong('Flux follows no Git repository', [{ object, reason: 'does not exist', next }])
    }
    const { spec, status } = v.parse(sourceSchema, source)
    const remote: Remote = { url: spec.url, ref: refOf(spec.ref), login }
    const head = await headOf(remote, cluster.signal)
    const fetched = commitOf(status.artifact?.revision ?? '')
    const applied = commitOf(root === undefined ? '' : v.parse(rootSchema, root).status.lastAppliedRevision)
    const at = head.slice(0, 12)
    if (fetched === head && applied === head) return foundAmong(`at the head of ${remote.ref.replace('refs/heads/', '')}, ${at}`, [])
    const age = now - (await timeOf(remote, head, join(folder, `head-${now}`), cluster.signal))
    const behind =
      fetched === head
        ? { object: nameOf({ ...kinds.kustomization, ...ref }), reason: `has applied ${named(applied)}, not ${at} yet` }
        : { object, reason: `has fetched ${named(fetched)}; the head of ${remote.ref} is ${at}, ${showDuration(age)} old` }
    const kind = fetched === head ? 'kustomization' : 'gitrepository'
    const next = `${kubectl} --namespace ${namespace} annotate ${kind} ${namespace} --overwrite reconcile.fluxcd.io/requestedAt="$(date +%s)"`
    // A commit this young is on its way.
    const isYoung = age < 2 * (parseDuration(spec.interval) ?? 0) + 60_000
    return foundAmong(
      `behind ${remote.ref.replace('refs/heads/', '')}`,
      isYoung ? [] : [{ ...behind, next }],
      isYoung ? [{ ...behind, next }] : [],
    )
  },
}

function refOf({ name, branch, tag }: v.InferOutput<typeof sourceSchema>['spec']['ref']): string {
  if (name !== undefined) return name
  return tag === undefined ? `refs/heads/${branch ?? 'master'}` : `refs/tags/${tag}`
}

/** `refs/heads/main@sha1:…` */
function commitOf(artifact: string): string {
  return artifact.split(':').at(-1) ?? ''
}

function named(commit: string): string {
  return commit === '' ? 'nothing' : commit.slice(0, 12)
}

/** When the remote's head was committed. */
async function timeOf(remote: Remote, head: string, folder: string, signal: AbortSignal): Promise<number> {
  await git(remote.login, ['init', '--quiet', '--bare', folder], { signal })
  const options = { cwd: folder, signal }
  await git(remote.login, ['fetch', '--quiet', '--depth=1', '--filter=tree:0', '--', remote.url, remote.ref], options)
  return Number((await git({ kind: 'none' }, ['show', '--no-patch', '--format=%ct', head], options)).trim()) * 1000
}
