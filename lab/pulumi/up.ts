import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf, OperatorError } from '../../lib/base/errors.ts'
import type { Console } from '../../lib/terminal/console.ts'
import { ensureExecutables, ensurePulumi } from '../build/executables.ts'
import { toolEnvironment } from '../build/run-go.ts'
import { packageRoot } from '../../lib/base/paths.ts'
import type { Layout } from '../layout.ts'
import { chartVersions, packageFluxChart, pushChart } from './chart.ts'
import { describePulumi, placePulumi } from './tools.ts'

/**
 * Gives a lab that is up its Pulumi: engine, provider and language host, a file backend, and the chart flux2 in its registry. The registry
 * keeps things in memory, so the chart goes with it and comes with the next `lab up --pulumi`.
 */
export async function bringUpPulumi(layout: Layout, registry: string, console: Console, signal?: AbortSignal): Promise<void> {
  const programs = await ensurePulumi(console, signal)
  await ensureSdk(console)
  placePulumi(layout, programs)
  const { operatorConfig, helm } = await ensureExecutables(console, signal)
  const target = join(layout.temporary, 'flux2')
  for (const version of chartVersions) {
    const archive = join(target, `flux2-${version}.tgz`)
    if (!existsSync(archive)) await packageFluxChart(version, { operatorConfig, target, helm })
    await pushChart(archive, registry, helm, layout)
  }
  console.success(describePulumi(programs))
  console.success(`the chart oci://${registry}/charts/flux2 is there for Flux ${chartVersions.join(' and ')}`)
}

/** Pulumi's libraries for Node, which the language host runs programs with. */
async function ensureSdk(console: Console): Promise<void> {
  const folder = join(packageRoot, 'pulumi')
  if (existsSync(join(folder, 'node_modules', '@pulumi', 'pulumi', 'package.json'))) return
  const waiting = console.wait("installing Pulumi's libraries for Node (160 MB)")
  try {
    const options = { cwd: folder, env: toolEnvironment() }
    await promisify(execFile)('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], options)
    waiting.success("Pulumi's libraries for Node are installed")
  } catch (error) {
    waiting.failure("Pulumi's libraries for Node could not be installed")
    throw new OperatorError(`npm ci in pulumi/ failed: ${messageOf(error)}`, { remedy: 'npm --prefix pulumi ci', cause: error })
  }
}
