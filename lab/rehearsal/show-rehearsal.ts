import { counted } from '../../lib/base/counted.ts'
import type { Console } from '../../lib/terminal/console.ts'
import { wrap } from '../../lib/terminal/wrap.ts'
import { labHome } from '../home.ts'
import { layoutOf } from '../layout.ts'
import { readRehearsal, type Rehearsal } from './record.ts'
import type { Rehearsed } from './rehearse.ts'

/** Says what the lab's Git has now, and what Flux will miss. */
export function reportRehearsed({ committed, rehearsal, warnings }: Rehearsed, console: Console): void {
  const { from, clusters, standIns } = rehearsal
  const paths = clusters.map(({ name, path }) => `${name} follows ${path}`).join(', ')
  const commit = committed.commit.slice(0, 12)
  if (committed.is === 'pushed') console.success(`the lab's Git has a copy of ${from}, commit ${commit}: ${paths}`)
  else console.success(`the lab's Git has ${from} as it is already, commit ${commit}: ${paths}`)
  if (standIns.length > 0) console.faint(`${counted(standIns.length, 'stand-in')}, listed by: npx zx scripts/lab.ts status`)
  for (const warning of warnings) console.warning(`this has no stand-in: ${warning}`)
}

/** The lines of a status about the repository that is rehearsed with. */
export function describeRehearsal(rehearsal: Rehearsal | undefined, width: number): string[] {
  if (rehearsal === undefined) return []
  const { from, clusters, standIns } = rehearsal
  const lines = [
    '',
    `  Git has a copy of ${from}:`,
    ...clusters.map(({ name, path }) => `    ${name} follows ${path}`),
    `  Stand-ins in it: ${standIns.length === 0 ? 'none' : ''}`.trimEnd(),
    ...standIns.map(({ kind, name, inPlaceOf }) => `    ${kind}: ${name}, in place of ${inPlaceOf}`),
  ]
  return lines.flatMap((line) => wrap(line, width))
}

/** The same for programs. */
export function rehearsalFields(): { repository?: Pick<Rehearsal, 'from' | 'clusters' | 'standIns'> } {
  const rehearsal = readRehearsal(layoutOf(labHome()))
  if (rehearsal === undefined) return {}
  const { from, clusters, standIns } = rehearsal
  return { repository: { from, clusters, standIns } }
}
