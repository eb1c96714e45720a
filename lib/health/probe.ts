import { messageOf } from '../errors.ts'
import type { Problem } from './problems.ts'
import type { Scene } from './scene.ts'

/** How one idea of health is: `unknown` is a look that failed, which is never "fine". */
export type State = 'ok' | 'warn' | 'fail' | 'unknown'

/** One object that is not as it should be. */
export interface Trouble {
  /** `Kustomization apps/shop` */
  readonly object: string
  /** Why, in the API's own words. */
  readonly reason: string
  /** Since when, RFC 3339, where the API tells. */
  readonly since?: string
  /** The next command to type. */
  readonly next?: string
  /** The runbook's name for it. */
  readonly problem?: Problem
}

/** What a probe saw. */
export interface Found {
  readonly state: State
  /** One line: what is well, or how much is not. */
  readonly detail: string
  /** The worst first. */
  readonly objects?: readonly Trouble[]
}

/** One idea of health, looked at without changing anything. */
export interface Probe {
  /** Stable: `--only`, reports and tests name it. */
  readonly id: string
  readonly title: string
  readonly look: (scene: Scene) => Promise<Found>
}

export interface Probed extends Found {
  readonly id: string
  readonly title: string
}

/** Takes every probe's look side by side, whatever the others find, and tells in their order. */
export function takeLooks(probes: readonly Probe[], scene: Scene): Promise<Probed[]> {
  return Promise.all(
    probes.map(async ({ id, title, look }) => {
      try {
        return { id, title, ...(await look(scene)) }
      } catch (thrown) {
        scene.cluster.signal.throwIfAborted()
        return { id, title, state: 'unknown', detail: `the look failed: ${messageOf(thrown)}` }
      }
    }),
  )
}

/** A warning is no sickness; a look that failed is one. */
export function isHealthy(probed: readonly Pick<Probed, 'state'>[]): boolean {
  return probed.every(({ state }) => state === 'ok' || state === 'warn')
}

/** What a probe saw that judges objects one by one: any that fails makes it fail, else any to know of makes it warn. */
export function foundAmong(detail: string, fails: readonly Trouble[], warns: readonly Trouble[] = []): Found {
  if (fails.length === 0 && warns.length === 0) return { state: 'ok', detail }
  return { state: fails.length > 0 ? 'fail' : 'warn', detail, objects: [...fails, ...warns] }
}
