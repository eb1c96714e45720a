import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { ensureExecutables, ensureHelm3, ensureMonitoring, ensureSshServer } from '../../lab/build/executables.ts'
import { olderFlux } from '../../lab/build/recipe.ts'
import { takeDown } from '../../lab/take-down.ts'
import { createConsole } from '../../lib/terminal/console.ts'
import { readHelpPages } from '../own-calls.ts'
import { projectRoot } from '../../lib/base/paths.ts'

/**
 * Builds, before the first lab test and under no test's timeout, whatever is not built yet: minutes the first time, nothing after that.
 * @returns what ends the labs of the tests
 */
export default async function prepareLabs(project: TestProject): Promise<() => Promise<void>> {
  const console = createConsole({ clean: (text) => text })
  await ensureExecutables(console, undefined, olderFlux)
  await ensureHelm3(console)
  await ensureMonitoring(console)
  await ensureSshServer(console)
  const isKept = process.env.KEEP_LABS === '1'
  const labs = isKept ? join(projectRoot, 'node_modules', '.cache', 'labs') : mkdtempSync(join(tmpdir(), 'frb-labs-'))
  if (isKept) await freshen(labs)
  project.provide('labs', labs)
  project.provide('helpPages', await readHelpPages())
  return () => (isKept ? Promise.resolve() : endLabs(labs))
}

/** Ends labs that were kept of another lab or tree than the checkout's. */
async function freshen(labs: string): Promise<void> {
  const stamp = join(labs, 'stamp')
  const now = createHash('sha256')
  for (const folder of ['lab', 'kubernetes'])
    for (const file of readdirSync(folder, { recursive: true, withFileTypes: true }))
      if (file.isFile()) now.update(readFileSync(join(file.parentPath, file.name)))
  const wanted = now.digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  await endLabs(labs)
  mkdirSync(labs, { recursive: true })
  writeFileSync(stamp, wanted)
}

async function endLabs(labs: string): Promise<void> {
  for (const name of existsSync(labs) ? readdirSync(labs) : []) {
    if (!/^lab-\d+$/.test(name)) continue
    process.env.FLUX_LAB_HOME = join(labs, name)
    await takeDown(false)
  }
  rmSync(labs, { recursive: true, force: true })
}
