import * as v from 'valibot'
import type { KubeObject } from '../kubernetes/objects.ts'

const revisionsSchema = v.object({
  status: v.optional(
    v.object({
      artifact: v.nullish(v.object({ revision: v.optional(v.string(), '') })),
      lastAppliedRevision: v.optional(v.string(), ''),
      lastAttemptedRevision: v.optional(v.string(), ''),
    }),
    {},
  ),
})

/** The revision that a source has fetched, `refs/heads/main@sha1:…`; empty where it has none, or does not exist. */
export function fetchedRevision(source: KubeObject | undefined): string {
  return source === undefined ? '' : (v.parse(revisionsSchema, source).status.artifact?.revision ?? '')
}

/** The revision that an object has applied last; empty where it has applied none, or does not exist. */
export function appliedRevision(object: KubeObject | undefined): string {
  return object === undefined ? '' : v.parse(revisionsSchema, object).status.lastAppliedRevision
}

/** The revision that an object has last tried to apply; empty where it has tried none. */
export function attemptedRevision(object: KubeObject): string {
  return v.parse(revisionsSchema, object).status.lastAttemptedRevision
}

/** Of a FluxInstance's revision `v2.9.5@sha256:…` the version, as it is written: `v2.9.5`. */
export function versionOfRevision(revision: string): string {
  return revision.split('@')[0] ?? ''
}
