import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Capture, describeCapture } from '../../capture/capture.ts'
import { openProven, wantsPassphrase } from '../../capture/file.ts'
import { captureDecryptor, identityFileOf } from '../../capture/keys.ts'
import { OperatorError } from '../../base/errors.ts'
import type { Flags, Values } from '../../terminal/flags.ts'
import type { PreparedChange, PrepareContext } from '../../runner/run-change.ts'
import { restoreRights } from '../../preflight/capture-rights.ts'
import { createPreflight } from '../../preflight/preflight.ts'
import { verifyRights } from '../../preflight/rights.ts'
import type { Step } from '../../runner/step.ts'
import { checkRestorable, restoreBeforeFlux, restoreByHand } from './steps.ts'

export const restoreFlags = {
  from: { type: 'string', value: 'FILE', help: 'the capture, or the folder with those of several contexts' },
  identity: {
    type: 'string',
    value: 'FILE',
    help: 'the age identity that decrypts it; default: CAPTURE_IDENTITY_FILE, then ask for a passphrase',
  },
  'from-other-cluster': { type: 'boolean', help: 'confirm that the capture is from another cluster' },
} as const satisfies Flags

/** A capture that was opened, and the steps that restore it. */
export interface Restore {
  readonly capture: Capture
  readonly beforeFlux: readonly Step[]
  /** Once Flux's kinds are there again. */
  readonly byHand: Step
  readonly notices: readonly string[]
}

/** Opens the capture, all of it, before anything is touched; then the steps that restore it. */
export async function openForRestore({ session, target, settings, redactor, own }: PrepareContext<typeof restoreFlags>): Promise<Restore> {
  await verifyRights(session.cluster, restoreRights(settings.LOCK_NAMESPACE ?? 'kube-system'))
  const file = fileOf(givenFile(own), target.context)
  const decryptor = await captureDecryptor({ own, settings, target, redactor }, await wantsPassphrase(file))
  const { capture, isProven } = await openProven(file, decryptor)
  verifyOrigin(capture, session.uid, own['from-other-cluster'] === true, file)
  const preflight = createPreflight(session.cluster.signal)
  await preflight.check(() => checkRestorable(session.cluster, capture))
  const restoring = { open: () => Promise.resolve(capture), file, identityFile: identityFileOf(decryptor) }
  const { takenAt, context, fluxVersion = 'of an unknown version' } = capture.header
  return {
    capture,
    beforeFlux: restoreBeforeFlux(restoring),
    byHand: restoreByHand(restoring),
    notices: [
      ...preflight.conclude(),
      ...(isProven ? [] : [`nothing proves who wrote ${file}: anyone who knows its recipient could have. Read what the plan would create`]),
      `the capture is of ${takenAt}, of ${context} with Flux ${fluxVersion}: ${describeCapture(capture)}`,
    ],
  }
}

export async function prepareRestore(surroundings: PrepareContext<typeof restoreFlags>): Promise<PreparedChange> {
  const { beforeFlux, byHand, notices } = await openForRestore(surroundings)
  return { steps: [...beforeFlux, byHand], notices }
}

/** Throws OperatorError `usage` where --from is missing: that needs no cluster to be seen. */
export function verifyRestoreFlags(own: Values<typeof restoreFlags>): void {
  givenFile(own)
}

function givenFile({ from }: Values<typeof restoreFlags>): string {
  if (from !== undefined) return from
  throw new OperatorError('which capture? --from is mandatory', { kind: 'usage', remedy: 'pass --from FILE, as capture.ts named it' })
}

function fileOf(from: string, context: string): string {
  const path = resolve(from)
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  return isFolder ? join(path, `${encodeURIComponent(context)}.age`) : path
}

/** Throws OperatorError `blocked` for another cluster's capture: its Git login and keys may be another team's. */
export function verifyOrigin({ header }: Pick<Capture, 'header'>, uid: string, isMeant: boolean, file: string): void {
  if (header.uid === uid || isMeant) return
  const origin = `${header.context} at ${header.server} (kube-system ${header.uid})`
  throw new OperatorError(`${file} is from another cluster: ${origin}; this one is ${uid}. Nothing was changed`, {
    kind: 'blocked',
    remedy: 'if that is right: --from-other-cluster',
  })
}
