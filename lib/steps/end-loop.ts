import * as v from 'valibot'
import { kinds, type Ref } from '../cluster/objects.ts'
import { readinessOf } from '../cluster/readiness.ts'
import type { Memory } from '../memory.ts'
import type { Run } from '../run.ts'
import type { Step } from '../step.ts'
import { settled } from './heal.ts'

/** A loop, as it was found: who changes what over and over, and what Git was at. */
const loopSchema = v.object({
  by: v.array(v.object({ apiVersion: v.string(), kind: v.string(), namespace: v.string(), name: v.string() })),
  what: v.string(),
  revision: v.string(),
})
export type Loop = v.InferOutput<typeof loopSchema>

const notesSchema = v.object({ loop: v.optional(loopSchema) })

/** The loop that a run was ending before it was interrupted: suspended, it cannot be seen any more. */
export function rememberedLoop(memory: Memory): Loop | undefined {
  return v.parse(notesSchema, memory.read()).loop
}

/** Suspends those who change the object over and over, waits until Git is mended, and resumes them. */
export function endLoop(loop: Loop, namespace: string): Step[] {
  return [suspend(loop), awaitMend(loop, namespace), resume(loop)]
}

const suspendSchema = v.object({ spec: v.object({ suspend: v.optional(v.boolean(), false) }) })

async function suspended({ cluster }: Run, { by }: Loop, is: boolean): Promise<Ref[]> {
  const found = await Promise.all(
    by.map(async (ref) => {
      const object = await cluster.get(ref)
      return object !== undefined && v.parse(suspendSchema, object).spec.suspend === is ? [ref] : []
    }),
  )
  return found.flat()
}

const shown = ({ kind, namespace, name }: Ref): string => `${kind} ${namespace}/${name}`
const command = (verb: string, { kind, namespace, name }: Ref): string =>
  `flux --namespace ${namespace} ${verb} ${kind.toLowerCase()} ${name}`

function suspend(loop: Loop): Step {
  return {
    id: 'suspend',
    title: 'Suspend what runs in a circle',
    risk: 'change',
    async look(run) {
      if (rememberedLoop(run.memory) !== undefined) return { is: 'done', detail: `${loop.by.map(shown).join(', ')} suspended` }
      const running = await suspended(run, loop, false)
      return {
        is: 'todo',
        change: `suspend ${loop.by.map(shown).join(', ')}, which change ${loop.what} over and over`,
        commands: running.map((ref) => command('suspend', ref)),
      }
    },
    async act(run) {
      for (const ref of await suspended(run, loop, false)) await run.cluster.patch(ref, { spec: { suspend: true } })
      run.memory.write({ loop })
    },
  }
}

const artifactSchema = v.object({ status: v.object({ artifact: v.object({ revision: v.string() }) }) })

function awaitMend({ what, by, revision }: Loop, namespace: string): Step {
  const ref: Ref = { ...kinds.gitRepository, namespace, name: namespace }
  return {
    id: 'mend',
    title: 'Mend it in Git',
    risk: 'safe',
    async look({ cluster }) {
      const source = v.safeParse(artifactSchema, await cluster.get(ref))
      const now = source.success ? source.output.status.artifact.revision : ''
      if (now !== revision && now !== '') return { is: 'done', detail: `Git has moved to ${now}` }
      return { is: 'waiting', on: `a commit that leaves ${what} to one of ${by.map(shown).join(', ')}; Git is at ${revision}` }
    },
    act: () => Promise.resolve(),
    watches: [{ kind: kinds.gitRepository, query: { namespace } }],
  }
}

function resume(loop: Loop): Step {
  return {
    id: 'resume',
    title: 'Resume what was suspended',
    risk: 'change',
    async look(run) {
      const still = await suspended(run, loop, true)
      if (still.length > 0) {
        return { is: 'todo', change: `resume ${still.map(shown).join(', ')}`, commands: still.map((ref) => command('resume', ref)) }
      }
      for (const ref of loop.by) {
        const object = await run.cluster.get(ref)
        if (object === undefined) continue // mended by taking it out of Git
        const look = settled(readinessOf(object), `kubectl --namespace ${ref.namespace} describe ${ref.kind.toLowerCase()} ${ref.name}`)
        if (look.is !== 'done') return look
      }
      return { is: 'done', detail: `${loop.by.map(shown).join(', ')} run again` }
    },
    async act(run) {
      for (const ref of await suspended(run, loop, true)) await run.cluster.patch(ref, { spec: { suspend: null } })
    },
    watches: loop.by.map(({ apiVersion, kind, namespace }) => ({ kind: { apiVersion, kind }, query: { namespace } })),
  }
}
