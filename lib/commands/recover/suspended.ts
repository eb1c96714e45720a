import { describeSuspension, isSuspended, resumption, suspensionIn } from '../../flux/suspension.ts'
import { kindArgument, nameOf, type Ref, refOf } from '../../kubernetes/objects.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { OperatorError } from '../../base/errors.ts'
import type { Step } from '../../runner/step.ts'
import type { Evidence } from './evidence.ts'

/**
 * What `--resume-suspended KIND/NAMESPACE/NAME,…` names.
 * @throws OperatorError `usage` for what is not written so, or not there
 */
export function namedToResume(value: string | undefined, { instance, objects }: Evidence): readonly Ref[] {
  const refs = [...[...objects.values()].map(({ ref }) => ref), ...(instance === undefined ? [] : [refOf(instance)])]
  const written = ({ kind, namespace, name }: Ref): string => `${kind}/${namespace}/${name}`
  return (value ?? '').split(',').flatMap((one) => {
    if (one === '') return []
    const found = refs.find((ref) => written(ref).toLowerCase() === one.toLowerCase())
    if (found !== undefined) return [found]
    throw new OperatorError(`--resume-suspended ${one}: there is no such object of Flux; nothing was changed`, {
      kind: 'usage',
      remedy: '--resume-suspended KIND/NAMESPACE/NAME, as in FluxInstance/flux-system/flux',
    })
  })
}

/** That a person has suspended the FluxInstance, and how to have it resumed; undefined where it is not suspended, or being deleted. */
export function suspendedInstance({ instance, terminating }: Evidence, where: string): { what: string; remedy: string } | undefined {
  if (instance === undefined || !isSuspended(instance)) return undefined
  if (terminating !== undefined || instance.metadata.deletionTimestamp !== undefined) return undefined
  const suspension = suspensionIn(instance.metadata)
  const { kind, namespace, name } = refOf(instance)
  return {
    what: `${nameOf(refOf(instance))} is ${describeSuspension(suspension)}${suspension.since === undefined ? '' : ` since ${suspension.since}`}: its operator neither installs nor repairs anything, and recover does not resume what a person has suspended`,
    remedy: `npx zx scripts/recover.ts ${where} --resume-suspended ${kind}/${namespace}/${name}`,
  }
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
      if (object === undefined) return { is: 'blocked', reason: `${name} has been deleted meanwhile`, remedy: 'run recover again' }
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
