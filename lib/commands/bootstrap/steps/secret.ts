import * as v from 'valibot'
import { deletionOf, kinds } from '../../../kubernetes/objects.ts'
import type { Step } from '../../../runner/step.ts'
import { heldStatusOf } from '../../../runner/step-status.ts'
import { manifestOf } from '../../../kubernetes/manifest.ts'
import { keeperOf } from '../secret-keeper.ts'
import type { WantedSecret } from '../secrets.ts'

const secretSchema = v.object({ type: v.optional(v.string(), 'Opaque'), data: v.optional(v.record(v.string(), v.string()), {}) })

/** Makes sure that the Secret holds these values. Keys that others added to it are left alone, and so is a Secret that another keeps. */
export function ensureSecret({ id, title, namespace, name, type = 'Opaque', values, command }: WantedSecret): Step {
  const ref = { ...kinds.secret, namespace, name }
  const wanted = Object.entries(values).map(([key, value]) => ({ key, encoded: Buffer.from(value).toString('base64') }))
  return {
    id,
    title,
    risk: 'change',
    async check({ cluster }) {
      const live = await cluster.get(ref)
      const keeper = live === undefined ? undefined : keeperOf(live)
      if (keeper !== undefined) return { is: 'done', detail: `Secret ${name} ${keeper}, and is not changed` }
      if (live?.metadata.deletionTimestamp !== undefined) {
        const held = heldStatusOf(live, ref)
        if (held !== undefined) return held
        return { is: 'waiting', on: `Secret ${namespace}/${name}, which ${deletionOf(live)}, to be gone; then it is recreated` }
      }
      const data = live === undefined ? {} : v.parse(secretSchema, live).data
      const differing = wanted.filter(({ key, encoded }) => data[key] !== encoded).map(({ key }) => key)
      if (differing.length === 0) return { is: 'done', detail: `Secret ${name} has ${wanted.map(({ key }) => key).join(', ')}` }
      const verb = live === undefined ? 'create' : 'change'
      return { is: 'todo', change: `${verb} Secret ${namespace}/${name}: ${differing.join(', ')}`, commands: [command] }
    },
    async apply({ cluster }) {
      const data = Object.fromEntries(wanted.map(({ key, encoded }) => [key, encoded]))
      await cluster.apply(manifestOf(ref, { type, data }))
    },
    watches: [{ kind: kinds.secret, query: { namespace, fields: `metadata.name=${name}` } }],
  }
}
