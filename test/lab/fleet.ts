import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import type { Ended, Running, TestLab } from './harness.ts'

/** Runs of the fleet on the clusters of a lab. */
export interface Fleet {
  readonly folder: string
  /** FILE. */
  readonly file: string
  /** Puts the content into FILE; returns its path. */
  readonly write: (content: string) => string
  /** Runs `fleet COMMAND …` with this FILE to its end. */
  readonly run: (args: readonly string[], content: string) => Promise<Ended>
  readonly start: (args: readonly string[], content: string) => Running
  readonly remove: () => void
}

export function fleetIn(lab: TestLab): Fleet {
  const folder = mkdtempSync(join(tmpdir(), 'frb-fleet-'))
  const file = join(folder, 'fleet.yaml')
  const write = (content: string): string => {
    writeFileSync(file, content)
    return file
  }
  const words = (args: readonly string[], content: string): string[] => [...args, '--fleet', write(content), '--lab']
  return {
    folder,
    file,
    write,
    run: (args, content) => lab.run('fleet', words(args, content)),
    start: (args, content) => lab.start('fleet', words(args, content)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

const clusterSchema = v.looseObject({
  name: v.string(),
  outcome: v.string(),
  exitCode: v.nullable(v.number()),
  version: v.optional(v.string()),
  startedAt: v.nullable(v.string()),
  durationMs: v.nullable(v.number()),
})
const documentSchema = v.looseObject({
  outcome: v.nullable(v.string()),
  exitCode: v.nullable(v.number()),
  runId: v.optional(v.string()),
  waves: v.array(v.looseObject({ name: v.string(), clusters: v.array(clusterSchema) })),
  error: v.optional(v.object({ message: v.string(), remedy: v.optional(v.string()) })),
})

/** The document that `fleet --json` prints on stdout. */
export function fleetDocument({ stdout }: Ended): v.InferOutput<typeof documentSchema> {
  return v.parse(v.pipe(v.string(), v.parseJson(), documentSchema), stdout)
}
