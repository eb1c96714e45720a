import { counted } from '../../../base/counted.ts'
import type { Capture } from '../../../capture/capture.ts'
import { read } from '../../../capture/capture.ts'
import { identityOf, inventoryOf } from '../../../flux/inventory.ts'
import { metadataPages } from '../../../kubernetes/metadata.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { apiGroups, isOfGroup } from '../../../flux/api-groups.ts'
import { kinds, nameOf } from '../../../kubernetes/objects.ts'
import type { Observation, ObservingStep, Step, StepContext } from '../../../runner/step.ts'
import { compareSurvival, type Survival } from '../../../continuity/compare.ts'
import { isRelease, takeFingerprint } from '../../../continuity/fingerprint.ts'
import { readinessOf } from '../../../flux/readiness.ts'
import { isSuspended } from '../../../flux/suspension.ts'
import { readRebuildState } from '../state.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { keptFingerprint } from '../../teardown/steps/fingerprint.ts'

/** `shop/plain`, and its newest revision. */
type Revisions = ReadonlyMap<string, number>

const storage = /^(?:Helm release )?([^/]+)\/sh\.helm\.release\.v1\.(.+)\.v(\d+)$/

function revisionsIn(names: readonly string[]): Revisions {
  const newest = new Map<string, number>()
  for (const name of names) {
    const [, namespace = '', release = '', revision = '0'] = storage.exec(name) ?? []
    if (release === '') continue
    const key = `${namespace}/${release}`
    newest.set(key, Math.max(newest.get(key) ?? 0, Number(revision)))
  }
  return newest
}

/** What happened to each release: adopted is the same revision, or one more. Below it begins again, its hooks and all. */
export function judgeAdoption(before: Revisions, after: Revisions): string[] {
  return [...before].flatMap(([release, old]) => {
    const now = after.get(release)
    if (now === undefined) return [`${release} is gone`]
    if (now < old) return [`${release} was installed again: revision ${now}, and ${old} before`]
    return now > old + 1 ? [`${release} rose from revision ${old} to ${now}`] : []
  })
}

/** Verifies that Helm's releases were taken up where they were, none installed again. */
export function verifyAdopted(open: (run: StepContext) => Promise<Capture>): Step {
  return {
    id: 'adoption',
    title: 'Verify that every Helm release was adopted, none installed again',
    risk: 'safe',
    async check(run) {
      const outside = (keptFingerprint(run.memory) ?? []).map(({ name }) => name)
      const { entries } = await open(run)
      const inside = entries.filter(({ role }) => role === 'helm-storage').map(({ ref }) => `${ref.namespace}/${ref.name}`)
      const before = revisionsIn([...outside, ...inside])
      const wrong = judgeAdoption(before, revisionsIn(await storageIn(run.cluster)))
      if (wrong.length === 0) return { is: 'done', detail: `${counted(before.size, 'release')}, each at its revision or one above` }
      return { is: 'blocked', reason: wrong.join('; '), remedy: 'helm history RELEASE --namespace NAMESPACE' }
    },
    apply: () => Promise.resolve(),
  }
}

async function storageIn(cluster: Cluster): Promise<string[]> {
  const names: string[] = []
  for await (const page of metadataPages(cluster, '/api/v1/secrets?labelSelector=owner%3Dhelm', kinds.secret)) {
    names.push(...page.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`))
  }
  return names
}

/**
 * Compares what each Kustomization held with what it holds: what it lost is not managed by Flux now, and is reported. One that was only just restored holds
 * nothing yet: it is waited for, unless it is suspended, or was unhealthy before too.
 */
export function compareInventories(open: (run: StepContext) => Promise<Capture>): Step {
  return {
    id: 'inventories',
    title: 'Compare the inventories, old and new',
    risk: 'safe',
    async check(run) {
      const old = (await open(run)).entries.filter(
        ({ ref }) => ref.kind === fluxKinds.kustomization.kind && isOfGroup(ref, apiGroups.kustomize),
      )
      const live = new Map(
        (await run.cluster.list(fluxKinds.kustomization)).map((one) => [`${one.metadata.namespace}/${one.metadata.name}`, one]),
      )
      const unhealthy = readRebuildState(run.memory).sick ?? []
      const unsettled = old.flatMap(({ ref }) => {
        const now = live.get(`${ref.namespace}/${ref.name}`)
        return now === undefined || readinessOf(now).is === 'ready' ? [] : [{ name: nameOf(ref), now }]
      })
      const awaited = unsettled.flatMap(({ name, now }) => {
        const readiness = readinessOf(now)
        return readiness.is === 'waiting' && !isSuspended(now) && !unhealthy.includes(name) ? [readiness.on] : []
      })
      if (awaited.length > 0) return { is: 'waiting', on: awaited.slice(0, 3).join('; ') }
      const others = unsettled.map(({ name }) => name)
      const lost = old.flatMap((entry) => {
        const now = live.get(`${entry.ref.namespace}/${entry.ref.name}`)
        if (now === undefined || others.includes(nameOf(entry.ref))) return []
        const held = new Set(inventoryOf(now).map(identityOf))
        return inventoryOf(read(entry).object)
          .filter((ref) => !held.has(identityOf(ref)))
          .map((ref) => `${nameOf(ref)} (${nameOf(entry.ref)})`)
      })
      const compared =
        lost.length === 0
          ? `${old.length - others.length} are unchanged`
          : `lost from an inventory, so Flux will never prune them: ${some(lost)}`
      const aside = others.length === 0 ? '' : `; suspended or not Ready, so not compared: ${some(others)}`
      return { is: 'done', detail: `${compared}${aside}` }
    },
    apply: () => Promise.resolve(),
    watches: [{ kind: fluxKinds.kustomization, query: {} }],
  }
}

function some(names: readonly string[]): string {
  return `${names.slice(0, 10).join(', ')}${names.length > 10 ? ` and ${names.length - 10} more` : ''}`
}

/** Takes the fingerprint once more: with Flux at work again everything must still be the same object. Releases have a check of their own. */
export function verifyContinuity(namespace: string): ObservingStep<Survival> {
  let observed: Observation<Survival> | undefined
  return {
    observed: () => observed,
    id: 'still-alive',
    title: 'Verify once more that everything is alive, with the same UIDs',
    risk: 'safe',
    async check({ cluster, memory }) {
      const before = keptFingerprint(memory)?.filter((one) => !isRelease(one))
      if (before === undefined) return { is: 'done', isSkipped: true, detail: 'nothing was removed' }
      const survival = compareSurvival(before, await takeFingerprint(cluster, namespace))
      observed = { value: survival, at: performance.now() }
      const { checked, changed, missing, reported } = survival
      const lost = [...missing, ...changed]
      if (lost.length === 0)
        return { is: 'done', detail: [`${counted(checked, 'object')}, each with the same UID`, ...reported].join('; ') }
      return {
        is: 'blocked',
        reason: `gone or recreated since Flux is back: ${lost.slice(0, 20).join(', ')}${lost.length > 20 ? ` and ${lost.length - 20} more` : ''}`,
        remedy: 'find out what did it, and whether Git required it: kubectl get events --all-namespaces --sort-by=.lastTimestamp',
      }
    },
    apply: () => Promise.resolve(),
  }
}
