import { execFile } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf, OperatorError } from '../lib/base/errors.ts'
import { packageRoot } from '../lib/base/paths.ts'

/** Where the charts are that the lab wrote for itself: all but what upstream's module carries. */
const sources = join(packageRoot, 'lab', 'charts')

/** What is taken from the flux-operator module's `config` folder, and where the chart's templates look for it. */
const upstream = {
  'crd/bases/fluxcd.controlplane.io_fluxinstances.yaml': 'crd/fluxinstances.yaml',
  'crd/bases/fluxcd.controlplane.io_fluxreports.yaml': 'crd/fluxreports.yaml',
  'crd/bases/fluxcd.controlplane.io_resourcesetinputproviders.yaml': 'crd/resourcesetinputproviders.yaml',
  'crd/bases/fluxcd.controlplane.io_resourcesets.yaml': 'crd/resourcesets.yaml',
  'manager/deployment.yaml': 'deployment.yaml',
  'manager/service.yaml': 'service.yaml',
  'default/rbac.yaml': 'rbac.yaml',
} as const

/** helm writes the files' times into the archive, and the archive's into the registry: one time for all keeps digests the same. */
const time = new Date('2020-01-01T00:00:00Z')

export interface ChartsOptions {
  /** The folder `config` of the module github.com/controlplaneio-fluxcd/flux-operator. */
  readonly operatorConfig: string
  /** Of the operator, without `v`; both charts have it. */
  readonly version: string
  /** An existing folder for the two archives. */
  readonly target: string
  /** The helm executable. */
  readonly helm: string
}

/**
 * Makes the lab's two charts, which use the names and values of the real ones. The same input gives the same bytes, so that
 * a tag that is pushed again keeps its digest.
 * @returns the paths of two archives below `target`
 * @throws OperatorError where upstream's folder lacks a file, or helm refuses a chart
 */
export async function packageCharts(options: ChartsOptions): Promise<{ operator: string; instance: string }> {
  const work = join(options.target, 'charts-in-the-making')
  rmSync(work, { recursive: true, force: true })
  try {
    assembleCharts(options.operatorConfig, work)
    return {
      operator: await packageChart('flux-operator', work, options),
      instance: await packageChart('flux-instance', work, options),
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/**
 * Lays out both charts as folders that helm can read: the lab's own files, and upstream's in `flux-operator/upstream`. Versions are
 * still missing.
 * @throws OperatorError where upstream's folder lacks a file
 */
export function assembleCharts(operatorConfig: string, target: string): void {
  mkdirSync(target, { recursive: true })
  cpSync(sources, target, { recursive: true })
  for (const [from, to] of Object.entries(upstream)) {
    const source = join(operatorConfig, from)
    if (!existsSync(source)) {
      throw new OperatorError(
        `the flux-operator module has no config/${from}, which the lab's chart is made of (looked in ${operatorConfig})`,
        {
          remedy: 'npx zx scripts/lab.ts build',
        },
      )
    }
    // File by file: Go keeps modules in folders that nobody may write to, and copies of those could not be removed again.
    const copy = join(target, 'flux-operator', 'upstream', to)
    mkdirSync(dirname(copy), { recursive: true })
    copyFileSync(source, copy)
  }
  setTimes(target)
}

async function packageChart(name: string, folder: string, { version, target, helm }: ChartsOptions): Promise<string> {
  const flags = ['--version', version, '--app-version', `v${version}`, '--destination', target]
  const env = { HOME: folder } // helm keeps its own files there, and finds none of the person's
  await promisify(execFile)(helm, ['package', join(folder, name), ...flags], { env }).catch((error: unknown) => {
    throw new OperatorError(`helm cannot package the lab's chart ${name} as ${version}: ${messageOf(error)}`, {
      remedy: `${helm} lint ${join(sources, name)}`,
      cause: error,
    })
  })
  const archive = join(target, `${name}-${version}.tgz`)
  utimesSync(archive, time, time)
  return archive
}

function setTimes(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    utimesSync(join(entry.parentPath, entry.name), time, time)
}
