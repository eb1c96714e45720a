import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { ensureExecutables, findPulumi } from '../../lab/build/executables.ts'
import { takeDown } from '../../lab/take-down.ts'
import { readHelpPages } from '../own-calls.ts'
import { createConsole } from '../../lib/terminal/console.ts'

/**
 * The lab's executables, and where its labs are. Without Pulumi's engine nothing is tested, and that is not a success.
 * @returns what ends the labs of the tests
 */
export default async function preparePulumi(project: TestProject): Promise<() => Promise<void>> {
  if ((await findPulumi()) === undefined) {
    throw new Error(
      "skipped, not passed: Pulumi's engine and provider are not built here; npx zx scripts/lab.ts build --pulumi builds them",
    )
  }
  await ensureExecutables(createConsole({ clean: (text) => text }), undefined, ['2.7.0'])
  const labs = mkdtempSync(join(tmpdir(), 'frb-pulumi-labs-'))
  project.provide('labs', labs)
  project.provide('helpPages', await readHelpPages())
  return async () => {
    for (const name of existsSync(labs) ? readdirSync(labs) : []) {
      if (!/^lab-\d+$/.test(name)) continue
      process.env.FLUX_LAB_HOME = join(labs, name)
      await takeDown(false)
    }
    rmSync(labs, { recursive: true, force: true })
  }
}
