import { controllerOf } from '../../flux/components.ts'
import type { FluxObject } from '../../flux/object.ts'

/** How long a controller may let pass without a trace before it counts as idle, in milliseconds: it retries after 30 s. */
const patience = 2 * 60_000
/** With fewer objects than these, nobody has to know how many are done. */
const many = 20

/** What the controllers do for other objects while an upgrade waits for those that bring Flux. */
export interface Activity {
  /** Takes note of how all objects are now. */
  readonly note: (objects: readonly FluxObject[], now: number) => void
  /** Whether a controller has done something for other objects of late. */
  readonly isAtWork: (controller: string | undefined, now: number) => boolean
  /** `reconciled meanwhile: 212 of 400 Kustomizations`; undefined where that is nothing to speak of. */
  readonly describe: () => string | undefined
}

/** @param own the names of the objects that are waited for, which may change for other reasons */
export function watchActivity(own: ReadonlySet<string>): Activity {
  let first: ReadonlyMap<string, string> | undefined
  let last: ReadonlyMap<string, string> = new Map()
  let others: readonly FluxObject[] = []
  const workedAt = new Map<string, number>()
  const reconciled = new Set<string>()
  return {
    note(objects, now) {
      others = objects.filter(({ name, isSuspended, reportsReady }) => !own.has(name) && !isSuspended && reportsReady)
      const seen = new Map(others.map((object) => [object.name, traceOf(object)]))
      first ??= seen
      for (const { name, ref } of others) {
        const trace = seen.get(name)
        if (last.has(name) && last.get(name) !== trace) workedAt.set(controllerOf(ref) ?? '', now)
        if (first.get(name) !== trace) reconciled.add(name)
      }
      last = seen
    },
    isAtWork: (controller, now) => now - (workedAt.get(controller ?? '') ?? -Infinity) <= patience,
    describe() {
      if (others.length < many) return undefined
      const kinds = [...new Set(others.map(({ ref }) => ref.kind))].flatMap((kind) => {
        const all = others.filter(({ ref }) => ref.kind === kind)
        const done = all.filter(({ name }) => reconciled.has(name)).length
        return done === 0 ? [] : [`${done} of ${all.length} ${plural(kind)}`]
      })
      return kinds.length === 0 ? undefined : `reconciled meanwhile: ${kinds.join(', ')}`
    },
  }
}

/** What changes of an object when its controller has reconciled it, or is about to. */
function traceOf({
  conditions,
  revision,
  artifactAt,
  observedGeneration,
  handledAt,
  lastHandledAt,
  history,
  failures,
}: FluxObject): string {
  const states = conditions.map(({ type, status, reason, lastTransitionTime }) => [type, status, reason, lastTransitionTime])
  return JSON.stringify([states, revision, artifactAt, observedGeneration, handledAt, lastHandledAt, history[0]?.lastDeployed, failures])
}

function plural(kind: string): string {
  return kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : `${kind}s`
}
