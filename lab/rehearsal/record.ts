import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { putFile } from '../../lib/base/write-atomic.ts'
import type { Layout } from '../layout.ts'
import { type Artifact, pushArtifact, type PushTarget } from './push-artifact.ts'
import { standInSchema } from './stand-in.ts'
import { chartArtifact, manifestsArtifact } from './stub-chart.ts'

const text = v.string()

/** What the registry is to have in place of other people's artifacts. */
export const neededArtifactSchema = v.object({
  is: v.picklist(['chart', 'manifests']),
  repository: text,
  tag: text,
  /** Of its layer, where the tree asks for another than the usual. */
  mediaType: v.exactOptional(text),
  /** Of manifests. */
  files: v.record(text, text),
})
export type NeededArtifact = v.InferOutput<typeof neededArtifactSchema>

const rehearsalSchema = v.object({
  /** The repository as it was named. */
  from: text,
  /** The person's `--path`, if there was one. */
  path: v.exactOptional(text),
  /** The tree as the repository had it, in the lab's Git. */
  original: text,
  /** Which path of it each cluster is to follow. */
  clusters: v.array(
    v.object({
      name: text,
      path: text,
      /** As which of its addresses Flux follows the lab's Git. */
      url: text,
      /** Whether the path leads to the operator and a FluxInstance: what bootstrap, rebuild and recover can install from. */
      hasOperator: v.boolean(),
    }),
  ),
  standIns: v.array(standInSchema),
  artifacts: v.array(neededArtifactSchema),
})
/** A repository of someone's that the lab's Git has a copy of, in place of this checkout's tree. */
export type Rehearsal = v.InferOutput<typeof rehearsalSchema>

/** Beside the lab's Git, so that snapshots hold both. */
function fileOf({ repository }: Pick<Layout, 'repository'>): string {
  return join(dirname(repository), 'rehearsal.json')
}

/** What the lab's Git is a copy of; undefined where it has this checkout's tree, or none yet. */
export function readRehearsal(layout: Pick<Layout, 'repository'>): Rehearsal | undefined {
  const file = fileOf(layout)
  return existsSync(file) ? v.parse(v.pipe(v.string(), v.parseJson(), rehearsalSchema), readFileSync(file, 'utf8')) : undefined
}

/** Notes what the lab's Git is a copy of. */
export function saveRehearsal(layout: Pick<Layout, 'repository'>, rehearsal: Rehearsal): void {
  putFile(fileOf(layout), `${JSON.stringify(rehearsal, undefined, 2)}\n`)
}

/** Pushes what stands in for other people's artifacts to the registry, which keeps things in memory only. */
export async function pushStandIns(target: PushTarget, artifacts: readonly NeededArtifact[]): Promise<void> {
  for (const needed of artifacts) await pushArtifact(target, artifactOf(needed))
}

function artifactOf({ is, repository, tag, mediaType, files }: NeededArtifact): Artifact {
  return is === 'chart' ? chartArtifact(repository, tag, mediaType) : manifestsArtifact(repository, tag, files, mediaType)
}
