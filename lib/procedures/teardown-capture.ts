import { openerApart } from '../capture/apart.ts'
import { type Collected, type CaptureRequest, collect } from '../capture/collect.ts'
import { destinationOf } from '../capture/destination.ts'
import { captureFlags, type CaptureKeys, captureKeys, type Opener, splitList } from '../capture/keys.ts'
import { findNamed } from '../capture/named.ts'
import type { Values } from '../flags.ts'
import type { Surroundings } from '../operate.ts'
import { notedCapture } from '../steps/capture.ts'
import { notice, type Preflight } from '../preflight/finding.ts'

/** What a teardown will capture before it destroys anything. */
export interface PlannedCapture {
  readonly request: CaptureRequest
  readonly keys: CaptureKeys
  /** What opens it again. */
  readonly opener: Opener
  readonly copyTo: string | undefined
  /** What would be captured now: it will be read again once all is still. */
  readonly collected: Collected
}

type CaptureSurroundings = Pick<Surroundings<typeof captureFlags>, 'session' | 'target' | 'settings' | 'redactor' | 'memory'> & {
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
  const { 'copy-to': named } = own
  const isAgain = notedCapture(memory) !== undefined
  const copy = await preflight.learn(async () => (named === undefined ? '' : destinationOf(named, target.context, false, isAgain)))
  const include = await preflight.learn(() => findNamed(cluster, namespace, splitList(own.include ?? '')))
  if (include === undefined) return undefined
  const request = { context: target.context, server: access.server, uid, namespace, include }
  const collected = await preflight.learn(() => collect(cluster, request))
  if (keys === undefined || collected === undefined) return undefined
  const opener = await preflight.learn(() => openerApart(keys, collected))
  await preflight.check(() => collected.absent.map((what) => notice(`${what}: referred to, but not there, so not captured`)))
  return opener === undefined ? undefined : { request, keys, opener, copyTo: copy === '' ? undefined : copy, collected }
}
