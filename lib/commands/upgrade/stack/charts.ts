import * as v from 'valibot'
import { inParallel } from '../../../base/parallel.ts'
import { order } from '../../../base/version.ts'
import { chartLabel } from '../../../flux/labels.ts'
import type { KubeObject } from '../../../kubernetes/objects.ts'
import { OperatorError } from '../../../base/errors.ts'
import type { RegistryLogin } from '../../../tools/registry-login.ts'
import { listTags, parseArtifact, pullConfig } from '../../../tools/registry.ts'
import type { Stack, StackConfig } from '../../bootstrap/pulumi-stack.ts'

/** Where a stack's configuration says the chart's version, and which chart where it is not the community's (pulumi/index.ts). */
export const versionKey = 'flux:chart_version'
const chartKey = 'flux:chart'
const usualChart = 'oci://ghcr.io/fluxcd-community/charts/flux2'

/** A version of the chart, and of the Flux that it installs. */
export interface FluxChart {
  readonly version: string
  readonly flux: string
}

/** The chart's version in the configuration. Throws where the program takes it from another place. */
export function configuredVersion({ name, folder }: Pick<Stack, 'name' | 'folder'>, config: StackConfig): string {
  const version = config[versionKey]?.value
  if (version !== undefined) return version
  throw new OperatorError(
    `the Pulumi stack ${name} has no config ${versionKey}: where its program takes the chart's version from is not known`,
    {
      kind: 'blocked',
      remedy: `change the version in ${folder}, and run bootstrap with --via pulumi; or let the program read ${versionKey}`,
    },
  )
}

export function chartAddress(config: StackConfig): string {
  return config[chartKey]?.value ?? usualChart
}

/** The version of the chart that a controller's Deployment came with: `flux2-2.17.1`; undefined where it does not say. */
export function runningChart(deployments: readonly KubeObject[]): string | undefined {
  const labels = deployments.map(({ metadata }) => metadata.labels[chartLabel] ?? '')
  return labels.map((label) => /-(\d+\.\d+\.\d+.*)$/.exec(label)?.[1]).find((version) => version !== undefined)
}

const chartSchema = v.pipe(v.string(), v.parseJson(), v.object({ appVersion: v.string() }))
const atOnce = 8

/**
 * The releases of a chart from a version on, oldest first: of each Flux the newest chart.
 * @throws OperatorError where the registry cannot be reached, or does not say
 */
export async function chartsFrom(address: string, version: string, login: RegistryLogin, signal: AbortSignal): Promise<FluxChart[]> {
  const chart = parseArtifact(address)
  const tags = chart === undefined ? undefined : await listTags(chart, login, signal)
  if (chart === undefined || tags === undefined) throw unknown(address)
  const releases = tags.filter((tag) => /^\d+\.\d+\.\d+$/.test(tag) && order(tag, version) >= 0).sort(order)
  const charts = await inParallel(releases, atOnce, async (tag) => {
    const config = await pullConfig({ ...chart, reference: tag }, login, signal)
    const parsed = v.safeParse(chartSchema, config?.toString())
    return parsed.success ? [{ version: tag, flux: parsed.output.appVersion.replace(/^v/, '') }] : []
  })
  return [...new Map(charts.flat().map((one) => [one.flux, one])).values()]
}

function unknown(address: string): OperatorError {
  return new OperatorError(`which charts there are is not known: ${address} is not a chart of a registry that lists its versions`, {
    kind: 'blocked',
    remedy: `look up which chart has the appVersion, set it as ${versionKey}, and run bootstrap with --via pulumi`,
  })
}
