import { join } from 'node:path'
import { openerApart } from '../capture/apart.ts'
import { describeCapture, type Entry } from '../capture/capture.ts'
import { type Collected, collect } from '../capture/collect.ts'
import { destinationOf } from '../capture/destination.ts'
import { keepCapture } from '../capture/keep.ts'
import { captureFlags, captureKeys, splitList } from '../capture/keys.ts'
import { findNamed } from '../capture/named.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { nameOf } from '../cluster/objects.ts'
import type { Flags } from '../flags.ts'
import type { Stage } from '../on-clusters.ts'
import { captureRights } from '../preflight/capture-rights.ts'
import { lookForFlux } from '../preflight/other-flux.ts'
import { verifyRights } from '../preflight/rights.ts'
import type { Ending } from '../record.ts'
import type { Telling } from '../report.ts'

export const flags = {
  out: { type: 'string', value: 'FILE', help: "where to; a folder for several contexts. Else the run's own folder" },
  ...captureFlags,
} as const satisfies Flags

/** Captures what one cluster's Flux needs to come back, and says what that is. It changes nothing in the cluster. */
export async function capture(stage: Stage<typeof flags>): Promise<Ending> {
  const { session, target, settings, redactor, console, own, shared, record, isOneOfSeveral } = stage
  const { cluster, uid, access } = session
  const { context } = target
  const place = (named: string): Promise<string> => destinationOf(named, context, isOneOfSeveral)
  const out = own.out === undefined ? undefined : await place(own.out)
  const copy = own['copy-to'] === undefined ? undefined : await place(own['copy-to'])
  const keys = await captureKeys({ own, settings, target, redactor })
  const namespace = await fluxNamespace(cluster)
  await verifyRights(cluster, captureRights(namespace))
  const include = await findNamed(cluster, namespace, splitList(own.include ?? ''))
  const waiting = console.wait(`reading what Flux needs to come back on ${context}`)
  let collected: Collected
  try {
    collected = await collect(cluster, { context, server: access.server, uid, namespace, include }, (text) => waiting.on(text))
  } finally {
    waiting.stop()
  }
  const opener = keys.opener === undefined ? undefined : await openerApart(keys, collected)
  console.line()
  console.line(`Capture of ${context} (${access.server}): ${describeCapture(collected)}`)
  for (const line of remarksOn(collected)) console.line(`  ${line}`)
  for (const absent of collected.absent) console.warning(`${absent}: referred to, but not there`)
  if (shared['dry-run'] === true) return { outcome: 'planned', telling: tellOf(collected, undefined, copy) }
  record.keepIn(target.runs)
  const file = out ?? join(record.memory.folder(), 'capture.age')
  const writing = console.wait('encrypting it')
  try {
    await keepCapture(collected, keys.sealer, opener, { file, copy })
  } finally {
    writing.stop()
  }
  console.success(`${file}${copy === undefined ? '' : `, and a copy in ${copy}`}`)
  if (opener === undefined) console.warning('no identity was given to open it again with: keep the key to it, and try it (--identity FILE)')
  return { outcome: 'done', telling: tellOf(collected, file, copy) }
}

/** Where Flux is; its usual place where there is none. */
async function fluxNamespace(cluster: Cluster): Promise<string> {
  const { instances, controllers, operators } = await lookForFlux(cluster)
  return [...instances, ...controllers, ...operators][0]?.metadata.namespace ?? 'flux-system'
}

/** What a person should know of, by name. */
function remarksOn({ entries }: Collected): string[] {
  const remark = (what: string, which: (entry: Entry) => boolean): string[] => {
    const names = entries.filter(which).map(({ ref }) => nameOf(ref))
    return names.length === 0
      ? []
      : [`${what}: ${names.slice(0, 10).join(', ')}${names.length > 10 ? ` and ${names.length - 10} more` : ''}`]
  }
  return [
    ...remark('suspended by hand', ({ suspendedBy }) => suspendedBy !== undefined),
    ...remark('in no inventory', ({ role }) => role === 'flux-by-hand'),
    ...remark('written by External Secrets', isExternal),
  ]
}

function isExternal({ role, broughtBy }: Entry): boolean {
  return role === 'referred' && broughtBy !== undefined
}

function tellOf({ entries, absent }: Collected, file: string | undefined, copy: string | undefined): Telling {
  const names = (which: (entry: Entry) => boolean): string[] => entries.filter(which).map(({ ref }) => nameOf(ref))
  return {
    fields: {
      capture: {
        ...(file === undefined ? {} : { file }),
        ...(copy === undefined ? {} : { copy }),
        objects: entries.length,
        secrets: names(({ role, ref }) => role === 'referred' && ref.kind === 'Secret'),
        suspendedByHand: names(({ suspendedBy }) => suspendedBy !== undefined),
        inNoInventory: names(({ role }) => role === 'flux-by-hand'),
        externalSecrets: names(isExternal),
        absent,
      },
    },
    sections: [
      { title: 'What was captured', lines: [describeCapture({ entries }), ...absent.map((what) => `${what}: referred to, but not there`)] },
    ],
  }
}
