import { externalDecryptor } from '../../capture/external-identity.ts'
import { type CollectedCapture, type CaptureRequest, collect } from '../../capture/collect.ts'
import { destinationsOf } from '../../capture/destination.ts'
import { captureFlags, type CaptureKeys, captureKeys, type Decryptor, splitList } from '../../capture/keys.ts'
import { findNamed } from '../../capture/include.ts'
import type { Values } from '../../terminal/flags.ts'
import type { PrepareContext } from '../../runner/run-change.ts'
import { recordedCapture } from './steps/capture.ts'
import { notice, type Preflight } from '../../preflight/preflight.ts'

/** What a teardown will capture before it destroys anything. */
export interface PlannedCapture {
  readonly request: CaptureRequest
  readonly keys: CaptureKeys
  /** What opens it again. */
  readonly decryptor: Decryptor
  readonly copyTo: string | undefined
  /** What would be captured now: it will be read again once all is still. */
  readonly collected: CollectedCapture
}

type CaptureSurroundings = Pick<PrepareContext<typeof captureFlags>, 'session' | 'target' | 'settings' | 'redactor' | 'memory'> & {
  readonly own: Values<typeof captureFlags>
}

/** Makes sure, before anything is changed, that the capture can be made, and opened again afterwards; undefined where not, which is a finding. */
export async function planCapture(
  { session, target, settings, redactor, memory, own }: CaptureSurroundings,
  namespace: string,
  preflight: Preflight,
): Promise<PlannedCapture | undefined> {
  const { cluster, uid, access } = session
  const keys = await preflight.learn(() => captureKeys({ own, settings, target, redactor }))
  const destinations = await preflight.learn(() => destinationsOf(own, target.context, false, recordedCapture(memory)?.checksum))
  const include = await preflight.learn(() => findNamed(cluster, namespace, splitList(own.include ?? '')))
  if (include === undefined) return undefined
  const request = { context: target.context, server: access.server, uid, namespace, include }
  const collected = await preflight.learn(() => collect(cluster, request))
  if (keys === undefined || collected === undefined) return undefined
  const decryptor = await preflight.learn(() => externalDecryptor(keys, collected))
  await preflight.check(() => [
    ...collected.unreadable.map((what) => notice(what)),
    ...collected.absent.map((what) => notice(`${what}: referenced, but does not exist, so not captured`)),
  ])
  return decryptor === undefined ? undefined : { request, keys, decryptor, copyTo: destinations?.copy, collected }
}
