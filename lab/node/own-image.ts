import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { packageRoot } from '../../lib/base/paths.ts'
import type { Executable } from './images.ts'

/** The name of this project's own image; what stands before it in a registry does not matter to the lab. */
export const ownImageName = 'flux-runbook'

const manifestSchema = v.pipe(v.string(), v.parseJson(), v.object({ version: v.string() }))

/** This project's own image in the version of this code, which is what runs in its pods. */
export function ownImage(): Executable {
  const { version } = v.parse(manifestSchema, readFileSync(join(packageRoot, 'package.json'), 'utf8'))
  return { image: ownImageName, tag: version, path: process.execPath }
}
