import * as v from 'valibot'

/** One resource that a preview would change. */
export interface Change {
  /** By Pulumi's own names: create, update, replace, delete, … */
  readonly operation: string
  readonly kind: string
}

/** What of a preview changes nothing. */
const idle = ['same', 'read', 'refresh']

const previewSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ steps: v.optional(v.array(v.object({ op: v.string(), urn: v.string() })), []) }),
)

/** What `pulumi preview --json` would change. */
export function parsePreview(output: string): Change[] {
  return v
    .parse(previewSchema, output)
    .steps.filter(({ op }) => !idle.includes(op))
    .map(({ op, urn }) => ({ operation: op, kind: kindOf(urn) }))
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
}

const resource = v.object({ urn: v.string(), id: v.optional(v.string()), outputs: v.optional(v.unknown()) })
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
  }
}
