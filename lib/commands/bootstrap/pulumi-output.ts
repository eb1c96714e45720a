import * as v from 'valibot'
import { type KubeObject, parseObject, type Ref, refOf } from '../../kubernetes/objects.ts'

/** One resource that a preview would change. */
export interface Change {
  /** By Pulumi's own names: create, update, replace, delete, … */
  readonly operation: string
  readonly kind: string
}

/** What of a preview changes nothing. */
const idle = ['same', 'read', 'refresh']

/** What a stack's program leads to. */
export interface Preview {
  readonly changes: readonly Change[]
  /** The objects of Kubernetes that the stack has afterwards, as the program states them. */
  readonly objects: readonly KubeObject[]
  /** The names of CustomResourceDefinitions and namespaces that would be deleted, or replaced: with each goes all that is in it. */
  readonly lost: readonly string[]
}

const stepSchema = v.object({
  op: v.string(),
  urn: v.string(),
  oldState: v.nullish(v.object({ retainOnDelete: v.optional(v.boolean(), false) })),
  newState: v.nullish(v.object({ inputs: v.optional(v.unknown()) })),
})
const previewSchema = v.pipe(v.string(), v.parseJson(), v.object({ steps: v.optional(v.array(stepSchema), []) }))

/** What `pulumi preview --json` says. */
export function parsePreview(output: string): Preview {
  const { steps } = v.parse(previewSchema, output)
  return {
    changes: steps.filter(({ op }) => !idle.includes(op)).map(({ op, urn }) => ({ operation: op, kind: kindOf(urn) })),
    // A refresh says what the state has now, whether or not the program still does.
    objects: steps.flatMap(({ op, newState }) => (op === 'refresh' ? [] : (objectIn(newState?.inputs) ?? []))),
    lost: [...new Set(steps.filter(isLoss).map(({ urn }) => `${kindOf(urn)} ${urn.split(/:+/).at(-1) ?? urn}`))],
  }
}

function isLoss({ op, urn, oldState }: v.InferOutput<typeof stepSchema>): boolean {
  const holdsMore = ['CustomResourceDefinition', 'Namespace'].includes(kindOf(urn))
  return holdsMore && /delete|replace/.test(op) && oldState?.retainOnDelete !== true
}

/** The object that a resource's inputs state; undefined of a provider, a component, a chart. */
function objectIn(inputs: unknown): KubeObject | undefined {
  try {
    return parseObject(inputs)
  } catch {
    return undefined
  }
}

/** `CustomResourceDefinition`, of `urn:pulumi:infra::flux::…$kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition::NAME`. */
function kindOf(urn: string): string {
  return urn.split('::')[2]?.split('$').at(-1)?.split(':').at(-1) ?? urn
}

/** `create: 14 CustomResourceDefinition, 6 Deployment`: a line for each operation, the most first. */
export function summarizeChanges(changes: readonly Change[]): string[] {
  return [...count(changes.map(({ operation }) => operation))].map(([operation]) => {
    const kinds = count(changes.filter((one) => one.operation === operation).map(({ kind }) => kind))
    return `${operation}: ${[...kinds].map(([kind, number]) => `${number} ${kind}`).join(', ')}`
  })
}

/** `12 to create, 1 to update`; "" where all stays as it is. */
export function describeChanges(changes: readonly Change[]): string {
  return [...count(changes.map(({ operation }) => operation))].map(([operation, number]) => `${number} to ${operation}`).join(', ')
}

function count(words: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return new Map([...counts].sort(([, one], [, other]) => other - one))
}

/** What a stack's state tells beforehand. */
export interface StackState {
  /** Operations that were interrupted: `creating flux-chart:flux-system/source-controller`. */
  readonly pending: readonly string[]
  /** The UID of kube-system in the cluster that it was last deployed to; undefined where the program does not read it. */
  readonly cluster: string | undefined
  readonly flux: StackFlux
}

/** What a stack has of the component of pulumi/flux-bootstrap.ts. */
export interface StackFlux {
  /** The URNs of the component, one each time that the program has it. */
  readonly components: readonly string[]
  /** The objects below it. */
  readonly objects: readonly Ref[]
  /** The names of resources beside it that depend on what is below it: they cannot stay in the state without it. */
  readonly dependents: readonly string[]
}

const names = v.optional(v.nullable(v.array(v.string())), [])
const resource = v.object({
  urn: v.string(),
  id: v.optional(v.string()),
  inputs: v.optional(v.unknown()),
  outputs: v.optional(v.unknown()),
  parent: v.optional(v.string()),
  provider: v.optional(v.string()),
  dependencies: names,
})
type Resource = v.InferOutput<typeof resource>
const uidSchema = v.object({ metadata: v.object({ uid: v.string() }) })
const exportSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    // null of a stack that was never deployed.
    deployment: v.nullish(
      v.object({
        resources: v.nullish(v.array(resource), []),
        pending_operations: v.nullish(v.array(v.object({ resource, type: v.string() })), []),
      }),
    ),
  }),
)

/** What `pulumi stack export` says of interrupted operations, and of the cluster. */
export function parseState(output: string): StackState {
  const { resources, pending_operations: pending } = v.parse(exportSchema, output).deployment ?? {}
  const anchor = resources?.find(({ urn, id }) => id === 'kube-system' && kindOf(urn) === 'Namespace')
  const parsed = v.safeParse(uidSchema, anchor?.outputs)
  return {
    pending: (pending ?? []).map(({ resource: { urn }, type }) => `${type} ${urn.split('::').at(-1) ?? urn}`),
    cluster: parsed.success ? parsed.output.metadata.uid : undefined,
    flux: fluxIn(resources ?? []),
  }
}

const component = 'flux-runbook:index:FluxBootstrap'

function fluxIn(resources: readonly Resource[]): StackFlux {
  const typesOf = ({ urn }: Resource): string[] => urn.split('::')[2]?.split('$') ?? []
  const own = resources.filter((one) => typesOf(one).includes(component))
  const urns = new Set(own.map(({ urn }) => urn))
  // A provider is named as URN::ID.
  const isOwn = (name: string): boolean => urns.has(name) || urns.has(name.replace(/::[^:]+$/, ''))
  const dependsOnIt = ({ parent, provider, dependencies }: Resource): boolean =>
    [parent, provider, ...(dependencies ?? [])].some((name) => name !== undefined && isOwn(name))
  return {
    components: own.filter((one) => typesOf(one).at(-1) === component).map(({ urn }) => urn),
    objects: own.flatMap((one) => {
      const object = objectIn(one.inputs)
      return object === undefined ? [] : [refOf(object)]
    }),
    dependents: resources.filter((one) => !urns.has(one.urn) && dependsOnIt(one)).map(({ urn }) => urn.split('::').at(-1) ?? urn),
  }
}
