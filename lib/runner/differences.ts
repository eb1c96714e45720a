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
  output.warning(`${contexts.join(' and ')} differ in ${differences.length} settings`)
  const rows = [['', ...contexts], ...differences.map(({ setting, values }) => [setting, ...contexts.map((one) => values[one] ?? '–')])]
  const cells = rows.map((row) => row.map((cell) => (cell.length > widest ? `${cell.slice(0, widest - 1)}…` : cell)))
  const widths = [0, ...contexts.keys()].map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  for (const row of cells) output.line(`  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
  return differences
}
