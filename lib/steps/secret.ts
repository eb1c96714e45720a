import * as v from 'valibot'
import { kinds } from '../cluster/objects.ts'
import type { Step } from '../step.ts'
import { stated } from './stated.ts'

const secretSchema = v.object({ type: v.optional(v.string(), 'Opaque'), data: v.optional(v.record(v.string(), v.string()), {}) })

/** A Secret that this person brings along; its values are never shown, only its keys. */
export interface WantedSecret {
  readonly id: string
  readonly title: string
  readonly namespace: string
  readonly name: string
  /** `Opaque` unless given; the API lets nobody change it later. */
  readonly type?: string
  readonly values: Readonly<Record<string, string>>
  /** What a person would type, without the values. */
  readonly command: string
}

/** Makes sure that the Secret holds these values. Keys that others added to it are left alone. */
export function ensureSecret({ id, title, namespace, name, type = 'Opaque', values, command }: WantedSecret): Step {
  const ref = { ...kinds.secret, namespace, name }
  const wanted = Object.entries(values).map(([key, value]) => ({ key, encoded: Buffer.from(value).toString('base64') }))
  return {
    id,
    title,
    risk: 'change',
    async look({ cluster }) {
      const live = await cluster.get(ref)
      const data = live === undefined ? {} : v.parse(secretSchema, live).data
      const differing = wanted.filter(({ key, encoded }) => data[key] !== encoded).map(({ key }) => key)
      if (differing.length === 0) return { is: 'done', detail: `Secret ${name} has ${wanted.map(({ key }) => key).join(', ')}` }
      const verb = live === undefined ? 'create' : 'change'
      return { is: 'todo', change: `${verb} Secret ${namespace}/${name}: ${differing.join(', ')}`, commands: [command] }
    },
    async act({ cluster }) {
      const data = Object.fromEntries(wanted.map(({ key, encoded }) => [key, encoded]))
      await cluster.apply(stated(ref, { type, data }))
    },
    watches: [{ kind: kinds.secret, query: { namespace, fields: `metadata.name=${name}` } }],
  }
}
