import { execFile } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { messageOf, OperatorError } from '../../lib/base/errors.ts'
import type { Layout } from '../layout.ts'
import { registryLoginVariables } from '../registry-login.ts'

/** The versions of Flux that the lab's chart flux2 is made for; the chart's own version is Flux's. */
export const chartVersions = ['2.7.0', '2.9.5'] as const

/** What makes the six controllers that the real chart installs. */
const manifests = [
  'helm-controller.yaml',
  'image-automation-controller.yaml',
  'image-reflector-controller.yaml',
  'kustomize-controller.yaml',
  'notification-controller.yaml',
  'policies.yaml',
  'rbac.yaml',
  'source-controller.yaml',
]

export interface FluxChartOptions {
  /** The folder `config` of the flux-operator module. */
  readonly operatorConfig: string
  /** A folder for the archive; made where there is none. */
  readonly target: string
  readonly helm: string
}

/**
 * Makes the lab's chart flux2 for one version of Flux.
 * @returns the path of its archive
 */
export async function packageFluxChart(version: string, { operatorConfig, target, helm }: FluxChartOptions): Promise<string> {
  const work = join(target, `flux2-${version}-in-the-making`)
  rmSync(work, { recursive: true, force: true })
  try {
    const chart = join(work, 'flux2')
    cpSync(fileURLToPath(new URL('flux2', import.meta.url)), chart, { recursive: true })
    mkdirSync(join(chart, 'upstream'))
    for (const name of manifests) {
      const source = join(operatorConfig, 'data', 'flux', `v${version}`, name)
      if (!existsSync(source)) throw new OperatorError(`the flux-operator module has no manifests of Flux ${version}: ${source}`)
      copyFileSync(source, join(chart, 'upstream', name))
    }
    await runHelm(helm, ['package', chart, '--version', version, '--app-version', version, '--destination', target], work)
    return join(target, `flux2-${version}.tgz`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Pushes an archive to the lab's registry, into `charts/`. */
export async function pushChart(archive: string, registry: string, helm: string, layout: Layout): Promise<void> {
  await runHelm(helm, ['push', '--plain-http', archive, `oci://${registry}/charts`], layout.childHome, registryLoginVariables(layout))
}

async function runHelm(
  helm: string,
  args: readonly string[],
  home: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<void> {
  // HOME: helm keeps its own files there, and finds none of the person's.
  await promisify(execFile)(helm, [...args], { env: { HOME: home, NO_PROXY: '127.0.0.1', ...variables } }).catch((error: unknown) => {
    throw new OperatorError(`helm ${args[0] ?? ''} of the lab's chart flux2 failed: ${messageOf(error)}`, {
      remedy: 'npx zx scripts/lab.ts up --pulumi',
      cause: error,
    })
  })
}
