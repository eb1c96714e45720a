import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Workstation } from './workstation.ts'

/** A call of a script that changes nothing, and how it ends in a checkout whose kubernetes/clusters is empty. */
export interface ReadOnlyCall {
  readonly args: readonly string[]
  readonly outcome: string
  readonly exitCode: number
}

/**
 * For every script, one call or more. The lab's own has no cluster that a folder could be for.
 * @param capture a file of this cluster's
 */
export function readOnlyCalls(workstation: Workstation, capture: string): Readonly<Record<string, readonly ReadOnlyCall[]>> {
  const { context } = workstation
  const looks = (outcome: string, ...args: readonly string[]): ReadOnlyCall => ({
    args: ['--context', context, ...args],
    outcome,
    exitCode: 0,
  })
  const without = (...args: readonly string[]): ReadOnlyCall => ({ args, outcome: 'done', exitCode: 0 })
  /** It uses what Git says, and says which folder it lacks. */
  const refused = (...args: readonly string[]): ReadOnlyCall => ({ args: ['--context', context, ...args], outcome: 'blocked', exitCode: 2 })
  /** Nothing in Git says the version of a Flux that a person installed. */
  const notInGit = (...args: readonly string[]): ReadOnlyCall => ({ ...refused(...args), exitCode: 3 })
  return {
    bootstrap: [refused('--dry-run')],
    capture: [looks('planned', '--dry-run')],
    drill: [looks('planned', '--dry-run', '--scenario', 'all')],
    fleet: [without('health-check', '--fleet', fleetOf(workstation))],
    'health-check': [looks('done'), looks('done', '--only', 'controllers,sources'), looks('unchanged', '--fix', '--dry-run')],
    rebuild: [refused('--dry-run')],
    recover: [looks('unchanged', '--dry-run')],
    restore: [looks('unchanged', '--dry-run', '--from', capture)],
    rollback: [notInGit('--dry-run')],
    teardown: [looks('planned', '--dry-run')],
    upgrade: [notInGit('--list'), notInGit('--to', '2.9.5', '--dry-run')],
    validate: [without()],
  }
}

function fleetOf({ context, home }: Workstation): string {
  const file = join(home, 'fleet.yaml')
  writeFileSync(file, stringify({ clusters: [{ name: 'prod', context, wave: 'all' }], waves: [{ name: 'all' }] }))
  return file
}
