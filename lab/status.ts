import * as v from 'valibot'
import type { KeptProcess } from './supervised-process.ts'

const text = v.string()

const processSchema = v.object({
  name: text,
  /** Which cluster it belongs to; none where it is the lab's own. */
  cluster: v.optional(text),
  kind: v.picklist(['real', 'stand-in']),
  pid: v.optional(v.number()),
  state: text,
  image: v.optional(text),
  ports: v.record(text, v.number()),
  /** How often it ended by itself and was started again, and how it ended last. */
  restarts: v.number(),
  lastEnd: v.optional(text),
})

/** What a lab reports about itself. */
export const statusSchema = v.object({
  supervisor: v.object({ pid: v.number(), socket: text }),
  clusters: v.array(v.object({ name: text, context: text, server: text, ready: v.boolean() })),
  processes: v.array(processSchema),
  /** The folder with kubectl, helm and flux. */
  bin: text,
  /** The helm that scripts use: the one in that folder, or another. */
  helm: text,
  /** The kubectl that scripts use, likewise. */
  kubectl: v.optional(text, ''),
  /** `version`: the program's own, where it is another than the tag says. */
  images: v.array(v.object({ image: text, tag: text, kind: v.picklist(['real', 'stand-in']), version: v.exactOptional(text) })),
  git: v.object({ url: text, privateUrl: text, username: text, head: v.optional(text) }),
  registry: v.object({ address: text, artifacts: v.optional(v.array(text)) }),
  /** Of the charts and the artifact in the registry, without `v`. */
  operatorVersion: text,
  faults: v.array(text),
})
export type LabStatus = v.InferOutput<typeof statusSchema>
export type ProcessStatus = v.InferOutput<typeof processSchema>

/** How a program that is kept running is doing. */
export function processStatusOf(kept: KeptProcess, ports: Record<string, number>, cluster?: string): ProcessStatus {
  const pid = kept.pid()
  const end = kept.lastEnd()
  return {
    name: kept.name.split('/').at(-1) ?? kept.name,
    kind: 'real',
    state: pid === undefined ? 'waiting to be started again' : 'running',
    ports,
    restarts: kept.restarts(),
    ...(cluster === undefined ? {} : { cluster }),
    ...(pid === undefined ? {} : { pid }),
    ...(end === undefined ? {} : { lastEnd: end }),
  }
}
