import * as v from 'valibot'
import { OperatorError } from '../../../base/errors.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, parseObject, refOf } from '../../../kubernetes/objects.ts'
import { fileDigest, type FleetRun, parseRun } from '../fleet-run.ts'
import { objectName, ownLabels, runLabel } from './names.ts'

/** A run of the fleet as its ConfigMap has it. */
export interface RunObject {
  readonly runId: string
  readonly run: FleetRun
  /** FILE, as it was when the run began. */
  readonly content: string
}

const dataSchema = v.object({ data: v.object({ 'fleet.yaml': v.string(), 'fleet.json': v.string() }) })

/** The manifest of what a run remembers. The conductor alone writes it while it lives. */
export function runManifest(namespace: string, { runId, run, content }: RunObject): KubeObject {
  return parseObject({
    ...kinds.configMap,
    metadata: { name: objectName(runId), namespace, labels: { ...ownLabels, [runLabel]: runId } },
    data: { 'fleet.yaml': content, 'fleet.json': JSON.stringify(run) },
  })
}

/** The run of that name; undefined where there is none. */
export async function readRunObject(cluster: Cluster, namespace: string, runId: string): Promise<RunObject | undefined> {
  const object = await cluster.get({ ...kinds.configMap, namespace, name: objectName(runId) })
  return object === undefined ? undefined : runIn(object)
}

/** The last run that is wanted; undefined where there is none. */
export async function lastRunObject(
  cluster: Cluster,
  namespace: string,
  isWanted: (run: FleetRun) => boolean,
): Promise<RunObject | undefined> {
  const objects = await cluster.list(kinds.configMap, { namespace, labels: runLabel })
  const runs = objects.filter(({ metadata }) => metadata.name === objectName(metadata.labels[runLabel] ?? '')).map(runIn)
  return runs
    .filter(({ run }) => isWanted(run))
    .sort((one, other) => one.runId.localeCompare(other.runId))
    .at(-1)
}

/** Throws OperatorError `blocked` where the object is damaged, or has another FILE than was consented to. */
function runIn(object: KubeObject): RunObject {
  const read = v.safeParse(dataSchema, object)
  const run = read.success ? parseRun(read.output.data['fleet.json']) : undefined
  const runId = object.metadata.labels[runLabel]
  if (!read.success || run === undefined || runId === undefined) {
    throw new OperatorError(`${nameOf(refOf(object))} is damaged: it does not contain the state of a fleet run`, {
      kind: 'blocked',
      remedy: 'check its content; until it is repaired or deleted, no run can be resumed or shown',
    })
  }
  const content = read.output.data['fleet.yaml']
  if (fileDigest(content) === run.digest) return { runId, run, content }
  throw new OperatorError(`${nameOf(refOf(object))} was changed since the run began: its fleet.yaml is not ${run.digest}`, {
    kind: 'blocked',
    remedy: 'find out who changed it; until it is repaired or deleted, no run can be resumed or shown',
  })
}

/** Keeps a run in its ConfigMap: one write at a time, and what changes meanwhile goes with the next. */
export interface RunKeeper {
  readonly keep: () => void
  /** Resolves once everything so far is kept; throws where it cannot be. */
  readonly kept: () => Promise<void>
}

export function keepIn(cluster: Cluster, namespace: string, kept: RunObject): RunKeeper {
  let isStale = false
  let writing: Promise<void> | undefined
  const write = async (): Promise<void> => {
    while (isStale) {
      isStale = false
      await cluster.apply(runManifest(namespace, kept))
    }
  }
  const keep = (): void => {
    isStale = true
    writing ??= write().finally(() => (writing = undefined))
    writing.catch(() => undefined) // anyone who has to know asks for `kept`
  }
  return {
    keep,
    async kept() {
      keep()
      await writing
    },
  }
}
