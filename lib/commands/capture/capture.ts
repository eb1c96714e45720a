import { join } from 'node:path'
import { externalDecryptor } from '../../capture/external-identity.ts'
import { describeCapture, type Entry } from '../../capture/capture.ts'
import { type CollectedCapture, collect } from '../../capture/collect.ts'
import { destinationsOf } from '../../capture/destination.ts'
import { fileLines, keepCapture } from '../../capture/write-verified.ts'
import { captureFlags, captureKeys, describeReaders, identityFileOf, type Encryptor, splitList } from '../../capture/keys.ts'
import { findNamed } from '../../capture/include.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { nameOf } from '../../kubernetes/objects.ts'
import type { Flags } from '../../terminal/flags.ts'
import type { CommandContext } from '../../runner/run-command.ts'
import { captureRights } from '../../preflight/capture-rights.ts'
import { readFlux } from '../../flux/installations.ts'
import { verifyRights } from '../../preflight/rights.ts'
import type { RunResult } from '../../runner/run-result.ts'
import type { DocumentFields } from '../../runner/report.ts'
import { scriptCall } from '../../base/shell-line.ts'
import { usualNamespace } from '../../flux/refs.ts'

export const captureCommandFlags = {
  out: { type: 'string', value: 'FILE', help: "the file to write, or a folder for several contexts; default: in the run's folder" },
  ...captureFlags,
} as const satisfies Flags

/** Captures what one cluster's Flux needs to come back, and says what that is. It changes nothing in the cluster. */
export async function capture(stage: CommandContext<typeof captureCommandFlags>): Promise<RunResult> {
  const { session, target, settings, redactor, console, own, shared, record, isOneOfSeveral } = stage
  const { cluster, uid, access } = session
  const { context } = target
  const { out, copy } = await destinationsOf(own, context, isOneOfSeveral)
  const keys = await captureKeys({ own, settings, target, redactor })
  const namespace = await fluxNamespace(cluster)
  await verifyRights(cluster, captureRights(namespace))
  const include = await findNamed(cluster, namespace, splitList(own.include ?? ''))
  const waiting = console.wait(`reading what Flux needs on ${context}`)
  let collected: CollectedCapture
  try {
    collected = await collect(cluster, { context, server: access.server, uid, namespace, include }, (text) => waiting.on(text))
  } finally {
    waiting.stop()
  }
  const decryptor = keys.decryptor === undefined ? undefined : await externalDecryptor(keys, collected)
  const plan = shared['dry-run'] === true ? console.answer : console
  plan.line()
  plan.line(`Capture of ${context} (${access.server}): ${describeCapture(collected)}`)
  for (const line of remarksOn(collected)) plan.line(`  ${line}`)
  for (const what of collected.unreadable) console.warning(what)
  for (const absent of collected.absent) console.warning(`${absent}: referenced, but does not exist`)
  if (shared['dry-run'] === true) return { outcome: 'planned', report: reportCapture(collected, keys.encryptor, { copy }), isAnswer: true }
  record.keepIn(target.runs)
  const file = out ?? join(record.memory.folder(), 'capture.age')
  const writing = console.wait('encrypting it')
  try {
    await keepCapture(collected, keys.encryptor, decryptor, { file, copy })
  } finally {
    writing.stop()
  }
  const files = copy === undefined ? [file] : [file, copy]
  if (decryptor === undefined) console.warning('no identity was given to verify it: keep its key, and try it (--identity FILE)')
  const identity = decryptor === undefined ? undefined : identityFileOf(decryptor)
  const restore = scriptCall('restore', [...target.flags, '--from', file, ...(identity === undefined ? [] : ['--identity', identity])])
  console.line(`To restore from it: ${restore}`)
  for (const one of files) console.answer.line(one)
  const proof = decryptor === undefined ? 'not opened again' : 'decrypted again and compared completely'
  return { outcome: 'done', report: reportCapture(collected, keys.encryptor, { file, copy }), verdict: `captured, ${proof}` }
}

/** Where Flux is; its usual place where there is none. */
async function fluxNamespace(cluster: Cluster): Promise<string> {
  const { instances, controllers, operators } = await readFlux(cluster)
  return [...instances, ...controllers, ...operators][0]?.metadata.namespace ?? usualNamespace
}

/** What a person should know of, by name. */
function remarksOn({ entries }: CollectedCapture): string[] {
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

/** What the document and the report say of a capture: names, never values. */
export function reportCapture(
  { entries, absent, unreadable }: CollectedCapture,
  encryptor: Encryptor,
  { file, copy }: { readonly file?: string; readonly copy: string | undefined },
): DocumentFields {
  const names = (which: (entry: Entry) => boolean): string[] => entries.filter(which).map(({ ref }) => nameOf(ref))
  return {
    fields: {
      capture: {
        ...(file === undefined ? {} : { file }),
        ...(copy === undefined ? {} : { copy }),
        recipients: encryptor.is === 'recipients' ? encryptor.recipients : [],
        objects: entries.length,
        secrets: names(({ role, ref }) => role === 'referred' && ref.kind === 'Secret'),
        suspendedByHand: names(({ suspendedBy }) => suspendedBy !== undefined),
        inNoInventory: names(({ role }) => role === 'flux-by-hand'),
        externalSecrets: names(isExternal),
        absent,
      },
    },
    sections: [
      {
        title: 'What was captured',
        lines: [describeCapture({ entries }), ...unreadable, ...absent.map((what) => `${what}: referenced, but does not exist`)],
      },
      ...(file === undefined
        ? []
        : [
            {
              title: 'Where it is',
              lines: fileLines({ file, readers: describeReaders(encryptor), ...(copy === undefined ? {} : { copy }) }),
            },
          ]),
    ],
  }
}
