/** Helm's alone: the hook itself, its weight and its delete policy. `helm.sh/resource-policy` is none of them. */
const hook = /^helm\.sh\/hook(-|$)/

/** What a transform is given of a resource, and gives back. */
interface Transformed<Options> {
  readonly props: Record<string, unknown>
  readonly opts: Options
}

/**
 * Makes an object of a chart an ordinary object of Pulumi's, server-side applied.
 *
 * Pulumi runs no Helm hooks (pulumi/pulumi-kubernetes#555): v3 charts deployed objects with hook annotations and warned of each, v4 leaves
 * them out altogether (#3284), before any transform sees them. Where one does arrive, as of a v3 chart, it is an object like the others.
 *
 * A rebuild restores namespace and Secrets before it deploys, and another installer may have left CRDs: `patchForce` takes over what is
 * there instead of failing on the conflict.
 *
 * CRDs are retained when the stack is destroyed: each object of Flux's would go with them, and whatever it has deployed. The provider does
 * not heed the chart's `helm.sh/resource-policy: keep`.
 */
export function ownObjects<Options>({ props, opts }: Transformed<Options>): Transformed<Options> | undefined {
  if (!isFields(props.metadata)) return undefined // no object: the chart itself, or a component
  const annotations = isFields(props.metadata.annotations) ? props.metadata.annotations : {}
  const kept = Object.fromEntries(Object.entries(annotations).filter(([name]) => !hook.test(name)))
  const metadata = { ...props.metadata, annotations: { ...kept, 'pulumi.com/patchForce': 'true' } }
  const isCrd = props.kind === 'CustomResourceDefinition'
  return { props: { ...props, metadata }, opts: isCrd ? { ...opts, retainOnDelete: true } : opts }
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
