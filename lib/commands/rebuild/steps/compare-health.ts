import { allProbes } from '../../../health/all-probes.ts'
import { type Probe, runProbes } from '../../../health/probe.ts'
import { helmReleases, kustomizations, others, sources } from '../../../health/probes/reconciled.ts'
import type { Snapshot } from '../../../health/snapshot.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import type { Step } from '../../../runner/step.ts'
import { recordRebuild, readRebuildState } from '../state.ts'

/** Alerts come late and go late: they say nothing of this very moment. */
const probes = allProbes.filter(({ id }) => id !== 'alerts')

/** What Git deploys; of Flux itself nothing may be unhealthy afterwards, whatever was before. */
const deployed = [sources, kustomizations, helmReleases, others]

/** Notes which of Flux's objects are unhealthy before anything is touched. */
export function recordHealth(snapshot: () => Snapshot): Step {
  return {
    id: 'health-before',
    title: 'Record which objects of Flux are unhealthy now',
    risk: 'safe',
    check({ memory, where }) {
      const { sick: before } = readRebuildState(memory)
      if (before === undefined)
        return Promise.resolve({
          is: 'todo',
          change: 'run every probe of the health check',
          commands: [`npx zx scripts/health-check.ts ${where}`],
        })
      return Promise.resolve({ is: 'done', detail: before.length === 0 ? 'none' : before.join(', ') })
    },
    async apply({ memory }) {
      recordRebuild(memory, { sick: await inTrouble(snapshot(), deployed) })
    },
  }
}

/** Waits until nothing is unhealthy that was not before: every source fetched, every Kustomization applied, every release Ready. */
export function verifyHealthy(snapshot: () => Snapshot): Step {
  return {
    id: 'health',
    title: 'Verify that everything is as healthy as before',
    risk: 'safe',
    async check({ memory }) {
      const before = readRebuildState(memory).sick ?? []
      const now = await inTrouble(snapshot(), probes)
      const fresh = now.filter((name) => !before.includes(name))
      if (fresh.length > 0)
        return { is: 'waiting', on: `${fresh.slice(0, 5).join(', ')}${fresh.length > 5 ? ` and ${fresh.length - 5} more` : ''}` }
      return {
        is: 'done',
        detail: now.length === 0 ? 'every probe of the health check passes' : `unhealthy as before: ${now.join(', ')}`,
      }
    },
    apply: () => Promise.resolve(),
    watches: [fluxKinds.kustomization, fluxKinds.helmRelease, fluxKinds.gitRepository].map((kind) => ({ kind, query: {} })),
  }
}

/** By object where a probe judges objects, else by probe. */
async function inTrouble(snapshot: Snapshot, probes: readonly Probe[]): Promise<string[]> {
  const probed = await runProbes(probes, snapshot)
  return probed
    .filter(({ state }) => state === 'fail' || state === 'unknown')
    .flatMap(({ id, objects = [] }) => (objects.length === 0 ? [`probe ${id}`] : objects.map(({ object }) => object)))
}
