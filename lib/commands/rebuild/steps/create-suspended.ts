import { existsSync, readFileSync } from 'node:fs'
import { putFile } from '../../../base/write-atomic.ts'
import { join } from 'node:path'
import * as v from 'valibot'
import { type Capture, type Entry, read } from '../../../capture/capture.ts'
import { detachAnnotation } from '../../../flux/annotations.ts'
import { appliers } from '../../../flux/field-managers.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, parseObject, refOf } from '../../../kubernetes/objects.ts'
import { isTrue } from '../../../kubernetes/readiness.ts'
import { waitUntil } from '../../../kubernetes/wait-until.ts'
import { stopOf } from './stopped.ts'
import { OperatorError } from '../../../base/errors.ts'
import { listResources } from '../../../kubernetes/discovery.ts'
import type { StepContext } from '../../../runner/step.ts'
import type { StepStatus, Step } from '../../../runner/step.ts'

const file = 'definitions.json'
const fluxKustomization = /^Kustomization \S+-gitops-flux-(operator|instance)$/

/**
 * What was suspended by hand and can be suspended again before a controller acts on it: what a Kustomization recreates. What Flux itself
 * is made of cannot: anyone who installs Flux waits for it.
 */
export function suspendedEarly({ entries }: Pick<Capture, 'entries'>): Entry[] {
  return entries.filter(
    ({ role, suspendedBy, broughtBy = '', ref }) =>
      role === 'flux' &&
      suspendedBy !== undefined &&
      broughtBy.startsWith('Kustomization ') &&
      !fluxKustomization.test(broughtBy) &&
      !fluxKustomization.test(`${ref.kind} ${ref.namespace}/${ref.name}`),
  )
}

/** Keeps the CustomResourceDefinitions of what was suspended: the kinds must be there before the controllers are. */
export function keepDefinitions(open: (run: StepContext) => Promise<Capture>): Step {
  return {
    id: 'definitions',
    title: 'Save the CRDs of the objects that were suspended by hand',
    risk: 'safe',
    async check({ memory }): Promise<StepStatus> {
      // The capture is made by the step before: whether there is anything to keep is known only then.
      const isKept = kept(memory.folder) !== undefined
      return isKept
        ? { is: 'done', detail: 'saved' }
        : { is: 'todo', change: "if there are any, their CustomResourceDefinitions go into the run's folder", commands: [] }
    },
    async apply(run) {
      const wanted = suspendedEarly(await open(run))
      const served = await listResources(run.cluster)
      const names = new Set(
        wanted.flatMap(({ ref }) =>
          served.filter((one) => one.kind === ref.kind && one.apiVersion === ref.apiVersion).map((one) => `${one.plural}.${one.group}`),
        ),
      )
      const crds = await Promise.all([...names].map((name) => run.cluster.get({ ...kinds.crd, name })))
      putFile(join(run.memory.folder(), file), JSON.stringify(crds.flatMap((crd) => crd ?? [])))
    },
  }
}

/** Throws before the run keeps a folder: then nothing is kept. */
function kept(folder: () => string): KubeObject[] | undefined {
  let path: string
  try {
    path = join(folder(), file)
  } catch {
    return undefined
  }
  if (!existsSync(path)) return undefined
  return v.parse(v.pipe(v.string(), v.parseJson(), v.array(v.unknown())), readFileSync(path, 'utf8')).map((crd) => parseObject(crd))
}

/**
 * Restores what was suspended by hand, suspended, before there is a controller that would act on it. Each object is applied as its
 * Kustomization applies it, so that it finds it unchanged, and its kind as the operator does; the suspension is this project's own.
 */
export function suspendEarly(open: (run: StepContext) => Promise<Capture>): Step {
  const missing = async (run: StepContext): Promise<Entry[]> => {
    const found = await Promise.all(
      suspendedEarly(await open(run)).map(async (entry) => {
        const live = await run.cluster.get(entry.ref)
        return live !== undefined && stopOf(entry).isDone(live) ? [] : [entry]
      }),
    )
    return found.flat()
  }
  return {
    id: 'suspend-early',
    title: 'Suspend the objects that were suspended by hand, before a controller reconciles them',
    risk: 'change',
    async check(run) {
      const left = await missing(run)
      if (left.length === 0) return { is: 'done', detail: 'none is left to suspend' }
      return {
        is: 'todo',
        change: `create, suspended: ${left.map(({ ref }) => nameOf(ref)).join(', ')}`,
        commands: [],
        byHand: ['kubectl create -f OBJECT   # with spec.suspend: true'],
      }
    },
    async apply(run) {
      const { cluster, memory } = run
      for (const crd of kept(memory.folder) ?? []) await defineKind(cluster, crd)
      for (const entry of await missing(run)) {
        await cluster.apply(withoutStop(read(entry).object), { manager: appliers.kustomize })
        await cluster.patch(entry.ref, stopOf(entry).patch)
      }
    },
    watches: [{ kind: kinds.crd, query: {} }],
  }
}

async function defineKind(cluster: Cluster, crd: KubeObject): Promise<void> {
  const ref = refOf(crd)
  if ((await cluster.get(ref)) === undefined) {
    const { labels, annotations, name } = crd.metadata
    await cluster.apply(parseObject({ ...kinds.crd, metadata: { name, labels, annotations }, spec: crd.spec }), {
      manager: appliers.operator,
    })
  }
  const isEstablished = (live: KubeObject | undefined): boolean => live !== undefined && isTrue(live, 'Established')
  const last = await waitUntil(cluster, {
    watches: [{ kind: kinds.crd, query: { fields: `metadata.name=${ref.name}` } }],
    timeout: 30_000,
    check: () => cluster.get(ref),
    isOver: isEstablished,
  })
  if (isEstablished(last)) return
  throw new OperatorError(`${nameOf(ref)} was applied, and is not established after 30 s`, {
    remedy: `kubectl describe crd ${ref.name}; then, to continue from here: --resume`,
  })
}

const specSchema = v.looseObject({ spec: v.looseObject({ suspend: v.optional(v.boolean()) }) })

/** As its Kustomization applies it: what a person has done to stop it is no part of that. */
function withoutStop(object: KubeObject): KubeObject {
  const { status: _status, ...manifest } = v.parse(specSchema, object)
  const { suspend: _suspend, ...spec } = manifest.spec
  const { [detachAnnotation]: _detached, ...annotations } = object.metadata.annotations
  const { [detachAnnotation]: _marked, ...labels } = object.metadata.labels
  return parseObject({ ...manifest, metadata: { ...object.metadata, annotations, labels }, spec })
}
