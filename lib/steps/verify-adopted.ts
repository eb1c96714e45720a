import type { Capture } from '../capture/capture.ts'
import { read } from '../capture/capture.ts'
import { identityOf, inventoryOf } from '../belongings/inventory.ts'
import { metadataPages } from '../cluster/metadata.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { kinds, nameOf } from '../cluster/objects.ts'
import type { Run } from '../run.ts'
import type { Step } from '../step.ts'
import { compareSurvival } from '../survival/survival.ts'
import { takeFingerprint } from '../survival/fingerprint.ts'
import { keptFingerprint } from './fingerprint.ts'
import type { Proof } from './verify-gone.ts'

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

/** What became of each release: adopted is the same revision, or one more. Below it begins anew, its hooks and all. */
export function judgeAdoption(before: Revisions, after: Revisions): string[] {
  return [...before].flatMap(([release, old]) => {
    const now = after.get(release)
    if (now === undefined) return [`${release} is gone`]
    if (now < old) return [`${release} was installed anew: revision ${now}, and ${old} before`]
    return now > old + 1 ? [`${release} rose from revision ${old} to ${now}`] : []
  })
}

/** Verifies that Helm's releases were taken up where they were, none installed anew. */
export function verifyAdopted(open: (run: Run) => Promise<Capture>): Step {
  return {
    id: 'adoption',
    title: 'Verify that every Helm release was adopted, none installed anew',
    risk: 'safe',
    async look(run) {
      const outside = (keptFingerprint(run.memory) ?? []).map(({ name }) => name)
      const { entries } = await open(run)
      const inside = entries.filter(({ role }) => role === 'helm-storage').map(({ ref }) => `${ref.namespace}/${ref.name}`)
      const before = revisionsIn([...outside, ...inside])
      const wrong = judgeAdoption(before, revisionsIn(await storageIn(run.cluster)))
      if (wrong.length === 0) return { is: 'done', detail: `${before.size} releases, each at its revision or one above` }
      return { is: 'blocked', reason: wrong.join('; '), remedy: 'helm history RELEASE --namespace NAMESPACE' }
    },
    act: () => Promise.resolve(),
  }
}

async function storageIn(cluster: Cluster): Promise<string[]> {
  const names: string[] = []
  for await (const page of metadataPages(cluster, '/api/v1/secrets?labelSelector=owner%3Dhelm', kinds.secret)) {
    names.push(...page.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`))
  }
  return names
}

/** Compares what each Kustomization held with what it holds: what it lost is nobody's now, and told. */
export function compareInventories(open: (run: Run) => Promise<Capture>): Step {
  return {
    id: 'inventories',
    title: 'Compare the inventories, old and new',
    risk: 'safe',
    async look(run) {
      const old = (await open(run)).entries.filter(
        ({ ref }) => ref.kind === kinds.kustomization.kind && ref.apiVersion.startsWith('kustomize.toolkit'),
      )
      const live = new Map(
        (await run.cluster.list(kinds.kustomization)).map((one) => [`${one.metadata.namespace}/${one.metadata.name}`, one]),
      )
      const lost = old.flatMap((entry) => {
        const now = live.get(`${entry.ref.namespace}/${entry.ref.name}`)
        if (now === undefined) return []
        const held = new Set(inventoryOf(now).map(identityOf))
        return inventoryOf(read(entry).object)
          .filter((ref) => !held.has(identityOf(ref)))
          .map((ref) => `${nameOf(ref)} (${nameOf(entry.ref)})`)
      })
      const some = `${lost.slice(0, 10).join(', ')}${lost.length > 10 ? ` and ${lost.length - 10} more` : ''}`
      return {
        is: 'done',
        detail: lost.length === 0 ? `${old.length} hold what they held` : `Flux does not hold any more, and will never prune: ${some}`,
      }
    },
    act: () => Promise.resolve(),
  }
}

/** Takes the fingerprint once more: with Flux at work again everything must still be the very same. Releases have a look of their own. */
export function verifyStillAlive(namespace: string, proof: Proof): Step {
  return {
    id: 'still-alive',
    title: 'Compare the fingerprints once more: everything is alive, and the very same',
    risk: 'safe',
    async look({ cluster, memory }) {
      const isNoRelease = ({ name }: { name: string }): boolean => !name.startsWith('Helm release ')
      const before = keptFingerprint(memory)?.filter(isNoRelease)
      if (before === undefined) return { is: 'done', detail: 'nothing was taken away' }
      const survival = compareSurvival(before, await takeFingerprint(cluster, namespace))
      proof.survival = survival
      const { checked, changed, missing, reported } = survival
      const lost = [...missing, ...changed]
      if (lost.length === 0) return { is: 'done', detail: [`${checked} objects, each the very same`, ...reported].join('; ') }
      return {
        is: 'blocked',
        reason: `gone or made anew since Flux is back: ${lost.slice(0, 20).join(', ')}${lost.length > 20 ? ` and ${lost.length - 20} more` : ''}`,
        remedy: 'see who did it, and whether Git asked for it: kubectl get events --all-namespaces --sort-by=.lastTimestamp',
      }
    },
    act: () => Promise.resolve(),
  }
}
