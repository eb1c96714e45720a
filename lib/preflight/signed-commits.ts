import * as v from 'valibot'
import type { Cluster } from '../kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, refOf } from '../kubernetes/objects.ts'
import type { Remote } from '../tools/git.ts'
import { whyUntrusted } from '../tools/git-signing.ts'
import { blocks, type Finding, notice } from './preflight.ts'

const verifySchema = v.object({
  spec: v.object({
    verify: v.optional(v.object({ mode: v.optional(v.string(), 'HEAD'), secretRef: v.object({ name: v.string() }) })),
  }),
})
const secretSchema = v.object({ data: v.optional(v.record(v.string(), v.string()), {}) })

/**
 * Whether the source that Flux follows will take a commit of this run. One that it cannot verify stops the whole cluster from syncing, and so does
 * the commit that reverts it.
 * @param branch where the change is only proposed: who merges it signs the head
 */
export async function checkSignedCommits(
  cluster: Cluster,
  source: KubeObject | undefined,
  { remote, folder, branch }: { remote: Remote; folder: string; branch: string | undefined },
): Promise<Finding[]> {
  const verify = source === undefined ? undefined : v.parse(verifySchema, source).spec.verify
  if (source === undefined || verify === undefined || verify.mode === 'Tag') return []
  const name = nameOf(refOf(source))
  const what = `${name} verifies the signature of each commit (spec.verify)`
  if (branch !== undefined) return [notice(`${what}: the merge of ${branch} must be signed, by your Git host or by the person who merges`)]
  const { namespace = '' } = source.metadata
  const ref = { ...kinds.secret, namespace, name: verify.secretRef.name }
  if (remote.signingKey === undefined) {
    return [
      blocks(
        `${what}, and this run's would not be signed: Flux would stop at it, and at its revert`,
        `set GIT_SIGNING_KEY (.env.example) to a key whose public half is in ${nameOf(ref)}; or propose the change with --branch NAME, and merge it signed`,
      ),
    ]
  }
  const secret = await cluster.get(ref)
  const entries = secret === undefined ? [] : Object.values(v.parse(secretSchema, secret).data)
  const why = await whyUntrusted(
    remote.signingKey,
    entries.map((entry) => Buffer.from(entry, 'base64').toString()),
    folder,
  )
  if (why === undefined) return []
  return [
    blocks(
      `${what}, and GIT_SIGNING_KEY is not a key for that: ${why}`,
      `name a key in GIT_SIGNING_KEY whose public half is in ${nameOf(ref)}: kubectl --namespace ${namespace} describe secret ${ref.name}`,
    ),
  ]
}
