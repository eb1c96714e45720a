import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as v from 'valibot'
import { isInstalledCommand, packageRoot } from '../../lib/base/paths.ts'
import { nodeCall } from '../../lib/process/own-module.ts'
import type { Executable } from './images.ts'

/** The name of this project's own image; what stands before it in a registry does not matter to the lab. */
export const ownImageName = 'flux-runbook'

const manifestSchema = v.pipe(v.string(), v.parseJson(), v.object({ version: v.string() }))

/** This project's own image in the version of this code, which is what runs in its pods. */
export function ownImage(): Executable {
  const { version } = v.parse(manifestSchema, readFileSync(join(packageRoot, 'package.json'), 'utf8'))
  return { image: ownImageName, tag: version, path: process.execPath }
}

/**
 * The program of the image: the installed command, built of this checkout where the lab is not one itself. Like in the image there is then no
 * checkout around it, and no `.env`.
 * @param folder where it is built
 * @returns its path
 */
export async function buildOwnProgram(folder: string): Promise<string> {
  if (isInstalledCommand) return join(packageRoot, 'dist', 'flux-runbook.js')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  copyFileSync(join(packageRoot, 'package.json'), join(folder, 'package.json'))
  const [program = '', ...words] = nodeCall('installed/build.ts')
  await promisify(execFile)(program, [...words, folder], { cwd: packageRoot })
  return join(folder, 'dist', 'flux-runbook.js')
}
