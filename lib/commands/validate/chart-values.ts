import { fluxKinds } from '../../flux/kinds.ts'
import { at, isFields, textAt } from './at.ts'
import { chartSchemas, isKnownChart } from './chart-schemas.ts'
import type { ClusterTree, ManifestObject } from './cluster-tree.ts'
import type { Diagnostic } from './diagnostic.ts'
import { type Breach, compile } from './json-schema.ts'
import { label } from './references.ts'
import type { Rules } from './rules.ts'
import { unknownValue } from './variables.ts'

/** What the values of a tree's HelmReleases break. */
export interface ValuesCheck {
  readonly findings: Diagnostic[]
  /** Of a chart's version whose values are not known: it may well take them. */
  readonly warnings: Diagnostic[]
  readonly notChecked: string[]
}

const checks = new Map<string, (values: unknown) => Breach[]>()

/** How the values of a chart are checked, laid over its own defaults as Helm does; undefined for a chart that is not Flux's own. */
export function checkOf(chart: string): ((values: unknown) => Breach[]) | undefined {
  const known = Object.hasOwn(chartSchemas, chart) ? chartSchemas[chart] : undefined
  if (known === undefined) return undefined
  const check = checks.get(chart) ?? compile(known.schema)
  checks.set(chart, check)
  return (values) => check(laidOver(known.defaults, values))
}

/** Checks the values of each HelmRelease against what its chart takes. */
export function checkChartValues({ cluster, placed }: ClusterTree, rules: Rules): ValuesCheck {
  const unknown: string[] = []
  const found = placed
    .filter(({ kind, isRaw }) => kind === fluxKinds.helmRelease.kind && isRaw !== true)
    .map((release): Pick<ValuesCheck, 'findings' | 'warnings'> => {
      const { chart, version } = chartOf(release, placed)
      const check = checkOf(chart)
      if (check === undefined) {
        const which = chart === '' ? 'its chart' : `chart ${chart}`
        unknown.push(`the values of ${label(release)} in ${cluster}: the schema of ${which} is not known here`)
        return { findings: [], warnings: [] }
      }
      const breaches = check(at(release.object, 'spec', 'values')).filter(({ message }) => !message.includes(unknownValue))
      const broken = breaches.map(({ path, message, remedy }) => ({
        ...release.place('spec', 'values', ...path),
        rule: 'values',
        message: `${label(release)}: chart ${chart} ${version}: ${message}`,
        remedy,
      }))
      if (isKnownChart(version)) return { findings: broken, warnings: [] }
      return { findings: [], warnings: broken.map((one) => ({ ...one, remedy: `${one.remedy}; or, if this version takes it, leave it` })) }
    })
  const many = `the values of ${unknown.length} HelmReleases in ${cluster}: the schemas of their charts are not known here`
  return {
    findings: found.flatMap(({ findings }) => findings),
    warnings: found.flatMap(({ warnings }) => warnings),
    notChecked: rules === 'flux' && unknown.length > 1 ? [many] : unknown.sort(),
  }
}

function chartOf(release: ManifestObject, placed: readonly ManifestObject[]): { chart: string; version: string } {
  const name = textAt(release.object, 'spec', 'chartRef', 'name')
  const source = placed.find((one) => one.kind === fluxKinds.ociRepository.kind && one.name === name && one.namespace === release.namespace)
  const version = textAt(source?.object, 'spec', 'ref', 'tag').split('@')[0] ?? ''
  return { chart: textAt(source?.object, 'spec', 'url').split('/').at(-1) ?? '', version }
}

/** A release's values over its chart's; null takes a default away (helm pkg/chart/common/util, CoalesceTables). */
function laidOver(below: unknown, above: unknown): unknown {
  if (!isFields(above)) return above ?? below
  const merged: Record<string, unknown> = isFields(below) ? { ...below } : {}
  for (const [key, value] of Object.entries(above)) {
    if (value === null) delete merged[key]
    else merged[key] = laidOver(merged[key], value)
  }
  return merged
}
