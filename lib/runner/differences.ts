import { counted } from '../base/counted.ts'
import type { Output } from '../terminal/output.ts'

/** What one of several clusters is to have in common with the others. */
export interface ClusterSettings {
  readonly context: string
  readonly settings: Readonly<Record<string, string>>
}

/** A setting that is not the same on all of them; null where a cluster does not have it. */
export interface SettingDifference {
  readonly setting: string
  readonly values: Readonly<Record<string, string | null>>
}

/** What differs between clusters, by the settings' names. */
export function differencesBetween(clusters: readonly ClusterSettings[]): SettingDifference[] {
  const names = [...new Set(clusters.flatMap(({ settings }) => Object.keys(settings)))]
  return names.flatMap((setting) => {
    const values = clusters.map(({ context, settings }) => [context, settings[setting] ?? null] as const)
    return new Set(values.map(([, value]) => value)).size > 1 ? [{ setting, values: Object.fromEntries(values) }] : []
  })
}

/** A cell that is longer is cut: the document has all of it. */
const widest = 40

/** Tells what differs between clusters, in a table with a column for each. */
export function showDifferences(output: Output, clusters: readonly ClusterSettings[]): SettingDifference[] {
  const differences = differencesBetween(clusters)
  const contexts = clusters.map(({ context }) => context)
  output.line()
  if (differences.length === 0) {
    output.success(`${contexts.join(' and ')} have the same version and settings`)
    return differences
  }
  output.warning(`${contexts.join(' and ')} differ in ${counted(differences.length, 'setting')}`)
  // Names are not cut: they may have more in common than fits.
  const rows = differences.map(({ setting, values }) => [setting, ...cut(contexts.map((one) => values[one] ?? '–'))])
  const cells = [['', ...contexts], ...rows]
  const widths = [0, ...contexts.keys()].map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  for (const row of cells) output.line(`  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
  return differences
}

/** Values that are too long begin shortly before the first character that differs. */
function cut(values: readonly string[]): string[] {
  const longest = Math.max(...values.map(({ length }) => length))
  let common = 0
  while (common < longest && values.every((value) => value[common] === values[0]?.[common])) common++
  const from = Math.max(0, Math.min(common - 10, longest + 1 - widest))
  return values.map((value) => {
    const rest = from < 2 || value.length <= from ? value : `…${value.slice(from)}`
    return rest.length > widest ? `${rest.slice(0, widest - 1)}…` : rest
  })
}
