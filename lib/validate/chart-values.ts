import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { kinds } from '../cluster/objects.ts'
import { at, isFields, textAt } from './at.ts'
import type { ClusterTree, Placed } from './cluster-tree.ts'
import { type Breach, compile } from './json-schema.ts'
import { label } from './references.ts'
import type { SchemaCheck } from './schemas.ts'

/** A folder of charts' values.yaml and values.schema.json, and the version of all of them. */
export interface ChartFolder {
  readonly folder: string
  readonly version: string
}

/** How the values of a chart are checked; undefined for a chart whose schema is not on this machine. */
export type Charts = (chart: string, version: string) => Promise<((values: unknown) => Breach[]) | undefined>

/** The charts of a folder; each is read once. */
export function readCharts({ folder, version: own }: ChartFolder): Charts {
  const made = new Map<string, ReturnType<Charts>>()
  const make = async (chart: string): ReturnType<Charts> => {
    const read = async (file: string): Promise<unknown> => parse(await readFile(join(folder, chart, file), 'utf8'))
    const [schema, defaults] = await Promise.all([read('values.schema.json'), read('values.yaml')])
    const check = compile(isFields(schema) ? schema : {})
    return (values) => check(laidOver(defaults, values))
  }
  return async (chart, version) => {
    if (chart === '' || version !== own || !existsSync(join(folder, chart, 'values.schema.json'))) return undefined
    const there = made.get(chart) ?? make(chart)
    made.set(chart, there)
    return there
  }
}

/** Checks the values of each HelmRelease against its chart's schema, as Helm will: laid over the chart's own defaults. */
export async function checkChartValues({ cluster, placed }: ClusterTree, charts: Charts): Promise<SchemaCheck> {
  const releases = placed.filter(({ kind }) => kind === kinds.helmRelease.kind)
  const checked = await Promise.all(
    releases.map(async (release): Promise<SchemaCheck> => {
      const { chart, version } = chartOf(release, placed)
      const check = await charts(chart, version)
      if (check === undefined) {
        const which = chart === '' ? 'its chart' : `chart ${chart} ${version}`
        return {
          findings: [],
          notChecked: [`the values of ${label(release)} in ${cluster}: the schema of ${which} is not on this machine`],
        }
      }
      const findings = check(at(release.object, 'spec', 'values')).map(({ path, message, remedy }) => ({
        ...release.place('spec', 'values', ...path),
        rule: 'values',
        message: `${label(release)}: chart ${chart} ${version}: ${message}`,
        remedy,
      }))
      return { findings, notChecked: [] }
    }),
  )
  return { findings: checked.flatMap(({ findings }) => findings), notChecked: checked.flatMap(({ notChecked }) => notChecked) }
}

function chartOf(release: Placed, placed: readonly Placed[]): { chart: string; version: string } {
  const name = textAt(release.object, 'spec', 'chartRef', 'name')
  const source = placed.find((one) => one.kind === kinds.ociRepository.kind && one.name === name && one.namespace === release.namespace)
  return { chart: textAt(source?.object, 'spec', 'url').split('/').at(-1) ?? '', version: textAt(source?.object, 'spec', 'ref', 'tag') }
}

/** A release's values over its chart's; null takes a default away (helm pkg/chart/common/util, CoalesceTables). */
function laidOver(below: unknown, above: unknown): unknown {
  if (!isFields(below) || !isFields(above)) return above ?? below
  const merged: Record<string, unknown> = { ...below }
  for (const [key, value] of Object.entries(above)) {
    if (value === null) delete merged[key]
    else merged[key] = laidOver(below[key], value)
  }
  return merged
}
