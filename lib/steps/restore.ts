import { type Capture, type Entry, type Role } from '../capture/capture.ts'
import { changeBack, judge, putBack, type Verdict } from '../capture/compare.ts'
import { nameOf } from '../cluster/objects.ts'
import { inParallel } from '../parallel.ts'
import type { Run } from '../run.ts'
import type { Look, Step } from '../step.ts'

/** Where the capture is from; asked when a step looks, as a run may make the capture only after its plan. Open it once (`once`). */
export interface Restoring {
  readonly open: (run: Run) => Promise<Capture>
  /** The file, for the command that a person would type. */
  readonly file: string
}

/** Puts back all that Flux needs before it runs: what is used before what uses it. */
export function restoreBeforeFlux(restoring: Restoring): Step[] {
  return [
    ensureRestored(restoring, ['namespace'], 'restore-namespaces', 'Restore the namespaces'),
    ensureRestored(restoring, ['account', 'referred'], 'restore-secrets', 'Restore the Secrets and ConfigMaps that Flux refers to'),
    ensureRestored(restoring, ['helm-storage'], 'restore-helm-storage', "Restore Helm's memory of releases deployed elsewhere"),
    ensureRestored(restoring, ['named'], 'restore-named', 'Restore what was named to be captured'),
  ]
}

/** Puts back the objects of Flux that nothing else brings back, once their kinds are there again. */
export function restoreByHand(restoring: Restoring): Step {
  return ensureRestored(restoring, ['flux-by-hand'], 'restore-flux-objects', 'Restore the objects of Flux that are in no inventory')
}

const atOnce = 32

function ensureRestored({ open, file }: Restoring, roles: readonly Role[], id: string, title: string): Step {
  const judged = async (run: Run): Promise<Judged[]> => {
    const entries = (await open(run)).entries.filter(({ role }) => roles.includes(role))
    return inParallel(entries, atOnce, async (entry) => ({ entry, verdict: await judge(run.cluster, entry) }))
  }
  return {
    id,
    title,
    risk: 'change',
    look: async (run) => lookAt(await judged(run), commandFor(file, roles)),
    async act(run, progress) {
      let restored = 0
      const all = await judged(run)
      await inParallel(all, atOnce, async ({ entry, verdict }) => {
        if (verdict.is === 'missing') await putBack(run.cluster, entry)
        else if (verdict.is === 'different') await changeBack(run.cluster, entry, verdict.live)
        restored += 1
        if (restored % 100 === 0) progress(`${restored} of ${all.length}`)
      })
    },
  }
}

interface Judged {
  readonly entry: Entry
  readonly verdict: Verdict
}

function lookAt(judged: readonly Judged[], command: string): Look {
  const lines = judged.flatMap(({ entry, verdict }) => describe(entry, verdict))
  const blocked = judged.flatMap(({ verdict }) => (verdict.is === 'blocked' ? [verdict] : []))[0]
  if (blocked !== undefined) return blocked
  const missing = judged.filter(({ verdict }) => verdict.is === 'missing')
  const different = judged.filter(({ verdict }) => verdict.is === 'different')
  if (missing.length > 0 || different.length > 0) {
    const created = missing.length === 0 ? [] : [`create ${named(missing)}`]
    const changed = different.map(({ entry, verdict }) => describe(entry, verdict))
    return { is: 'todo', change: [...created, ...changed.flat()].join('; '), commands: [command], details: lines }
  }
  if (judged.length === 0) return { is: 'done', detail: 'none were captured' }
  const left = judged.filter(({ verdict }) => verdict.is === 'left').flatMap(({ entry, verdict }) => describe(entry, verdict))
  const same = judged.length - left.length
  return { is: 'done', detail: [`${same} ${same === 1 ? 'is' : 'are'} there as captured`, ...left].join('; ') }
}

/** What would become of an entry, in a line; nothing where it is as it was. */
function describe({ ref }: Entry, verdict: Verdict): string[] {
  switch (verdict.is) {
    case 'same':
    case 'blocked':
      return []
    case 'missing':
      return [
        `create ${nameOf(ref)}${verdict.without.length === 0 ? '' : ` without its owner ${verdict.without.join(', ')}, which is gone`}`,
      ]
    case 'different':
      return [`change ${nameOf(ref)}: the capture wins in ${verdict.fields.join(', ')}`]
    case 'left':
      return [`${nameOf(ref)} is left alone: ${verdict.why}`]
  }
}

function named(judged: readonly Judged[]): string {
  const names = judged.map(({ entry }) => nameOf(entry.ref))
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`
}

/** A capture is age around gzip around a line of JSON for each object. */
function commandFor(file: string, roles: readonly Role[]): string {
  const wanted = roles.map((role) => `.role == "${role}"`).join(' or ')
  return `age --decrypt --identity FILE ${file} | gunzip | jq 'select(${wanted}).object' | kubectl create -f -`
}
