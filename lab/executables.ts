import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import type { Console } from '../lib/console.ts'
import type { Executables } from './build.ts'

/** Interim, until lab/build.ts works. */
export async function findExecutables(_console: Console): Promise<Executables> {
  const text = v.string()
  const schema = v.object({
    bin: text,
    controlPlane: text,
    kubectl: text,
    helm: text,
    flux: text,
    images: v.array(v.object({ image: text, tag: text, path: text })),
    operatorConfig: text,
    operatorVersion: text,
  })
  return v.parse(schema, JSON.parse(readFileSync('/work/scratch/bin-lab/executables.json', 'utf8')))
}
