import { join } from 'node:path'
import * as v from 'valibot'
import { externalDecryptor } from '../../../capture/external-identity.ts'
import { type Capture, describeCapture } from '../../../capture/capture.ts'
import { type CaptureRequest, collect } from '../../../capture/collect.ts'
import { openCapture } from '../../../capture/file.ts'
import { checksumOf, fileLines, keepCapture } from '../../../capture/write-verified.ts'
import { type CaptureKeys, describeReaders, type Decryptor } from '../../../capture/keys.ts'
import { OperatorError } from '../../../base/errors.ts'
import { identityOf } from '../../../flux/inventory.ts'
import type { Ref } from '../../../kubernetes/objects.ts'
import type { DocumentFields } from '../../../runner/report.ts'
import type { RunState } from '../../../runner/run-state.ts'
import type { StepStatus, Step } from '../../../runner/step.ts'

const noteSchema = v.object({
  capture: v.optional(
    v.object({
      file: v.string(),
      checksum: v.string(),
      holds: v.string(),
      carries: v.optional(v.array(v.string())),
      copy: v.exactOptional(v.string()),
      /** Who can open it: `for age1…`; runs of earlier versions did not note it. */
      readers: v.exactOptional(v.string()),
    }),
  ),
})
type Note = NonNullable<v.InferOutput<typeof noteSchema>['capture']>

/** The capture that a run noted: `file` is where it is. Undefined where it has made none. */
export function recordedCapture(memory: RunState): Note | undefined {
  return v.parse(noteSchema, memory.read()).capture
}

/** Whether the capture that the run noted carries an object; each where there is none yet, or an earlier version made it: preflight has judged. */
export function isCarriedBy(memory: RunState): (ref: Ref) => boolean {
  const carried = recordedCapture(memory)?.carries
  return (ref) => carried === undefined || carried.includes(identityOf(ref))
}

/** What the report says of it; nothing where the run has made none. */
export function captureSections(memory: RunState): NonNullable<DocumentFields['sections']> {
  const note = recordedCapture(memory)
  return note === undefined ? [] : [{ title: 'The capture', lines: [`It holds ${note.holds}.`, '', ...fileLines(note)] }]
}

/** Opens the capture that a run noted. Throws OperatorError where it has made none, or it cannot be opened. */
export async function openRecordedCapture(memory: RunState, decryptor: Decryptor): Promise<Capture> {
  const note = recordedCapture(memory)
  if (note === undefined) throw new OperatorError('this run has made no capture to restore from')
  return openCapture(note.file, decryptor)
}

export interface CaptureInputs {
  readonly request: CaptureRequest
  readonly keys: CaptureKeys
  /** A second file. */
  readonly copyTo: string | undefined
  /**
   * Whether Flux is being taken apart already: then the run's own capture is what there is, and is never repeated. Before, a run that
   * was interrupted captures again: things may have moved while nobody held the lock.
   */
  readonly isFinal: () => boolean
}

/**
 * Captures what Flux needs to come back into the run's folder, opens the file again with a key that is not itself captured, and compares.
 * What cannot move any more is worth capturing: disable Flux's reconciliation before. Let a preflight
 * `collect` and ask `externalDecryptor` for what this would fail on, and `carries` for what else is in Flux's namespace.
 */
export function ensureCaptured({ request, keys, copyTo, isFinal }: CaptureInputs): Step {
  let isMade = false
  return {
    id: 'capture',
    title: 'Capture what Flux needs to start again',
    risk: 'safe',
    async check({ memory, where }) {
      const note = recordedCapture(memory)
      if (note !== undefined && (isMade || isFinal())) return statusOf(note, where)
      if (isFinal()) return gone('Flux is partly removed, but this run has recorded no capture', where)
      return {
        is: 'todo',
        change: `write Flux's objects, and what they refer to, into capture.age in the run's folder${copyTo === undefined ? '' : `, and into ${copyTo}`}, encrypted ${describeReaders(keys.encryptor)}`,
        commands: [`npx zx scripts/capture.ts ${where}`],
      }
    },
    async apply({ cluster, memory }, progress) {
      const capture = await collect(cluster, request, progress)
      progress('encrypting, and decrypting it again')
      const file = join(memory.folder(), 'capture.age')
      await keepCapture(capture, keys.encryptor, await externalDecryptor(keys, capture), { file, copy: copyTo })
      const about = {
        holds: describeCapture(capture),
        readers: describeReaders(keys.encryptor),
        carries: capture.entries.map(({ ref }) => identityOf(ref)),
      }
      const copied = copyTo === undefined ? {} : { copy: copyTo }
      memory.write({ capture: { file, checksum: (await checksumOf(file)) ?? '', ...copied, ...about } satisfies Note })
      isMade = true
    },
  }
}

async function statusOf({ file, checksum, holds }: Note, where: string): Promise<StepStatus> {
  if ((await checksumOf(file)) === checksum) return { is: 'done', detail: `${file}: ${holds}` }
  return gone(`the capture ${file} is missing, or was changed after it was written`, where)
}

function gone(reason: string, where: string): StepStatus {
  return { is: 'blocked', reason, remedy: `with another capture: npx zx scripts/restore.ts ${where} --from FILE, then bootstrap` }
}
