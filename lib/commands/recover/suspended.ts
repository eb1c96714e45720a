import { describeSuspension, isSuspended, resumption, suspensionIn } from '../../flux/suspension.ts'
import { kindArgument, kubectlCall, nameOf, type Ref, refOf } from '../../kubernetes/objects.ts'
import { detachAnnotation } from '../../flux/annotations.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import type { FluxObject } from '../../flux/object.ts'
import { OperatorError } from '../../base/errors.ts'
import type { Step } from '../../runner/step.ts'
import { bringersOf } from './bringers.ts'
import type { Evidence } from './evidence.ts'

/**
 * What `--resume-suspended KIND/NAMESPACE/NAME,…` names.
 * @throws OperatorError `usage` for what is not written so, or not there
 */
export function namedToResume(value: string | undefined, { instance, objects }: Evidence): readonly Ref[] {
  const refs = [...[...objects.values()].map(({ ref }) => ref), ...(instance === undefined ? [] : [refOf(instance)])]
  return (value ?? '').split(',').flatMap((one) => {
    if (one === '') return []
    const found = refs.find((ref) => writtenAs(ref).toLowerCase() === one.toLowerCase())
    if (found !== undefined) return [found]
    throw new OperatorError(`--resume-suspended ${one}: there is no such object of Flux; nothing was changed`, {
      kind: 'usage',
      remedy: '--resume-suspended KIND/NAMESPACE/NAME, as in FluxInstance/flux-system/flux',
    })
  })
}

/** As the flag names it. */
function writtenAs({ kind, namespace, name }: Ref): string {
  return `${kind}/${namespace}/${name}`
}

/** That a person has suspended the FluxInstance, and how to have it resumed; undefined where it is not suspended, or being deleted. */
export function suspendedInstance({ instance, terminating }: Evidence, where: string): { what: string; remedy: string } | undefined {
  if (instance === undefined || !isSuspended(instance)) return undefined
  if (terminating !== undefined || instance.metadata.deletionTimestamp !== undefined) return undefined
  const suspension = suspensionIn(instance.metadata)
  return {
    what: `${nameOf(refOf(instance))} is ${describeSuspension(suspension)}${suspension.since === undefined ? '' : ` since ${suspension.since}`}: its operator neither installs nor repairs anything, and recover does not resume what a person has suspended`,
    remedy: `npx zx scripts/recover.ts ${where} --resume-suspended ${writtenAs(refOf(instance))}`,
  }
}

/**
 * What is suspended, or left out by Git, on the way from Git to the FluxInstance: who stopped that keeps what Git says now away from the
 * cluster, as a rollback does whose revert has not come to Git.
 * @returns a sentence, and how to have it resumed; undefined where nothing is
 */
export function stoppedBeforeInstance(evidence: Evidence, where: () => string): { what: string; remedy: string } | undefined {
  const stopped = onTheWay(evidence).find(({ suspension, detachment }) => (suspension ?? detachment) !== undefined)
  if (stopped === undefined) return undefined
  const { name, ref, suspension, detachment } = stopped
  const what = `is applied from Git only while nothing on the way is stopped, and ${name} is`
  if (suspension === undefined) {
    const by = detachment === undefined ? '' : ` by ${detachment.by} (${detachment.via})`
    return { what: `${what} annotated ${detachAnnotation}: disabled${by}`, remedy: kubectlCall('annotate', ref, `${detachAnnotation}-`) }
  }
  const since = suspension.since === undefined ? '' : ` since ${suspension.since}`
  const remedy = `find out why, then: npx zx scripts/recover.ts ${where()} --resume-suspended ${writtenAs(ref)}`
  return { what: `${what} ${describeSuspension(suspension)}${since}`, remedy }
}

/** What brings the FluxInstance from Git, and what that follows, except those that are to be resumed. */
function onTheWay({ instance, objects, installation: { follows }, resumed = [] }: Evidence): readonly FluxObject[] {
  const followed = follows === undefined ? [] : [follows.source, follows.root].flatMap((ref) => objects.get(nameOf(ref)) ?? [])
  const all = new Set([...bringersOf(objects, instance?.metadata.labels ?? {}), ...followed])
  return [...all].filter(({ name }) => !resumed.some((ref) => nameOf(ref) === name))
}

/** What nobody but the operator repairs, which leaves a suspended FluxInstance alone. */
const byOperator = [
  'operator-and-controllers-deleted',
  'controllers-deleted',
  'controllers-outdated',
  'scaled-to-zero',
  'parts-gone',
  'crds-deleted',
]

/** @throws OperatorError `blocked` where a remedy waits for an operator whose reconciliation is disabled */
export function verifyNotSuspended(ids: readonly string[], suspended: { what: string; remedy: string } | undefined): void {
  if (suspended === undefined || !ids.some((id) => byOperator.includes(id))) return
  throw new OperatorError(`${suspended.what}; nothing was changed`, { kind: 'blocked', remedy: suspended.remedy })
}

/** Resumes one object that a person has suspended, as the flag says. */
export function ensureObjectResumed(ref: Ref): Step {
  const name = nameOf(ref)
  return {
    id: `resume-${ref.kind.toLowerCase()}-${ref.name}`,
    title: `Resume ${name}`,
    risk: 'change',
    async check({ cluster }) {
      const object = await cluster.get(ref)
      if (object === undefined)
        return { is: 'blocked', reason: `${name} has been deleted meanwhile`, remedy: 'to look again: the same command' }
      if (!isSuspended(object)) return { is: 'done', detail: 'it is not suspended' }
      const suspension = suspensionIn(object.metadata)
      if (suspension.via === 'Git') {
        return { is: 'blocked', reason: `${name} is suspended by Git, which would suspend it again`, remedy: 'resume it in Git' }
      }
      const patch = `--type=merge --patch '${JSON.stringify(resumption(ref))}'`
      return {
        is: 'todo',
        change: `resume what is ${describeSuspension(suspension)}`,
        commands: [`kubectl --namespace ${ref.namespace} patch ${kindArgument(ref)} ${ref.name} ${patch}`],
      }
    },
    apply: async ({ cluster }) => void (await cluster.patch(ref, resumption(ref))),
    watches: [{ kind: ref, query: ref.namespace === undefined ? {} : { namespace: ref.namespace } }],
  }
}

/** Whether the FluxInstance is among them. */
export function resumesInstance(refs: readonly Ref[]): boolean {
  return refs.some(({ kind }) => kind === fluxKinds.fluxInstance.kind)
}
