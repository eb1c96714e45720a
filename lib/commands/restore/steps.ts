import { counted } from '../../base/counted.ts'
import type { Capture, Role } from '../../capture/capture.ts'
import { atOnce, revertObject, type EntryComparison, compareAll, restoreEntry, type Comparison } from '../../capture/compare.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { nameOf } from '../../kubernetes/objects.ts'
import { inParallel } from '../../base/parallel.ts'
import { printable } from '../../base/shell-line.ts'
import { blocks, type Finding } from '../../preflight/preflight.ts'
import type { StepContext } from '../../runner/step.ts'
import type { StepStatus, Step } from '../../runner/step.ts'

/** Where the capture is from; asked when a step looks, as a run may make the capture only after its plan. Open it once (`once`). */
export interface RestoreSource {
  readonly open: (run: StepContext) => Promise<Capture>
  /** The file, for the command that a person would type. */
  readonly file: string
  /** Where the identity is that opens it; undefined where a passphrase does. */
  readonly identityFile: string | undefined
}

/** Restores all that Flux needs before it runs: what is used before what uses it. */
export function restoreBeforeFlux(restoring: RestoreSource): Step[] {
  return [
    ensureRestored(restoring, ['namespace'], 'restore-namespaces', 'Restore the namespaces'),
    ensureRestored(restoring, ['account', 'referred'], 'restore-secrets', 'Restore the Secrets and ConfigMaps that Flux refers to'),
    ensureRestored(restoring, ['helm-storage'], 'restore-helm-storage', 'Restore the Helm records of releases in other namespaces'),
    ensureRestored(restoring, ['named'], 'restore-named', 'Restore the objects that were captured with --include'),
  ]
}

/** Restores the objects of Flux that nothing else recreates, once their kinds are there again. */
export function restoreByHand(restoring: RestoreSource): Step {
  return ensureRestored(restoring, ['flux-by-hand'], 'restore-flux-objects', 'Restore the objects of Flux that are in no inventory')
}

/** What nobody but a person can put out of the way, all of it, before anything is changed. */
export async function checkRestorable(cluster: Cluster, { entries }: Pick<Capture, 'entries'>): Promise<Finding[]> {
  const ours = entries.filter(({ role }) => role !== 'flux')
  const judged = await compareAll(cluster, ours)
  return judged.flatMap(({ verdict }) => (verdict.is === 'blocked' ? [blocks(verdict.reason, verdict.remedy)] : []))
}

function ensureRestored({ open, file, identityFile }: RestoreSource, roles: readonly Role[], id: string, title: string): Step {
  const judged = async (run: StepContext): Promise<EntryComparison[]> => {
    const entries = (await open(run)).entries.filter(({ role }) => roles.includes(role))
    return compareAll(run.cluster, entries)
  }
  return {
    id,
    title,
    risk: 'change',
    check: async (run) => statusOf(await judged(run), commandFor(file, identityFile, roles)),
    async apply(run, progress) {
      let restored = 0
      const all = await judged(run)
      await inParallel(all, atOnce, async ({ entry, verdict }) => {
        if (verdict.is === 'missing') await restoreEntry(run.cluster, entry)
        else if (verdict.is === 'different') await revertObject(run.cluster, entry, verdict.live)
        restored += 1
        if (restored % 100 === 0) progress(`${restored} of ${all.length}`)
      })
    },
  }
}

function statusOf(judged: readonly EntryComparison[], command: string): StepStatus {
  const blocked = judged.flatMap(({ verdict }) => (verdict.is === 'blocked' ? [verdict] : []))[0]
  if (blocked !== undefined) return blocked
  const missing = judged.filter(({ verdict }) => verdict.is === 'missing').map(({ entry }) => nameOf(entry.ref))
  const remarks = judged.flatMap(({ entry, verdict }) => remarkOn(nameOf(entry.ref), verdict))
  if (missing.length > 0 || judged.some(({ verdict }) => verdict.is === 'different')) {
    const created = missing.length === 0 ? [] : [`create ${someOf(missing)}`]
    const details = [...missing.map((name) => `create ${name}`), ...remarks]
    return { is: 'todo', change: [...created, ...remarks].join('; '), commands: [command], details }
  }
  if (judged.length === 0) return { is: 'done', detail: 'none were captured' }
  const same = judged.filter(({ verdict }) => verdict.is === 'same').length
  return { is: 'done', detail: [`${counted(same, 'object')} as captured`, ...remarks].join('; ') }
}

/** What a person should know beside that something is created. */
function remarkOn(name: string, verdict: Comparison): string[] {
  switch (verdict.is) {
    case 'same':
    case 'blocked':
      return []
    case 'missing':
      return verdict.without.length === 0 ? [] : [`${name} without its owner ${verdict.without.join(', ')}, which is gone`]
    case 'different':
      return [`change ${name}: the capture wins in ${verdict.fields.join(', ')}`]
    case 'left':
      return [`leave ${name} alone: ${verdict.why}`]
  }
}

function someOf(names: readonly string[]): string {
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`
}

/** What a person would type for it: a capture is age around gzip around a line of JSON for each object. */
export function commandFor(file: string, identityFile: string | undefined, roles: readonly Role[]): string {
  const wanted = roles.map((role) => `.role == "${role}"`).join(' or ')
  const decrypt = printable(['age', '--decrypt', ...(identityFile === undefined ? [] : ['--identity', identityFile]), file])
  return `${decrypt} | gunzip | jq 'select(${wanted}).object' | kubectl create -f -`
}
