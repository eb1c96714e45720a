import * as v from 'valibot'
import { complaintOf, shell } from './command.ts'
import { kubectlEnvironment } from './environment.ts'
import { OperatorError } from './errors.ts'
import { nearest } from './flags.ts'

/** How kubectl reaches one cluster. */
export interface Access {
  readonly kubectl: string
  readonly context: string
  /** The API server's URL, as people know it. */
  readonly server: string
  readonly env: Record<string, string>
}

const named = <T extends v.GenericSchema>(entries: T) => v.optional(v.nullable(v.array(entries)), [])
const configSchema = v.object({
  contexts: named(v.object({ name: v.string(), context: v.object({ cluster: v.string() }) })),
  clusters: named(v.object({ name: v.string(), cluster: v.object({ server: v.optional(v.string(), '') }) })),
})

/**
 * Looks the context up in the person's kubeconfig (`file`, else KUBECONFIG, else the usual place).
 * @throws OperatorError `usage` for an unknown context, naming those there are
 */
export async function findAccess(kubectl: string, context: string, file: string | undefined): Promise<Access> {
  const env = kubectlEnvironment(file === undefined ? {} : { KUBECONFIG: file })
  const $ = shell(env)
  const output = await $`${kubectl} config view -o json`.catch((error: unknown) => {
    throw new OperatorError(`the kubeconfig cannot be read: ${complaintOf(error)}`, { kind: 'usage', remedy: 'kubectl config view' })
  })
  const { contexts, clusters } = v.parse(v.pipe(v.string(), v.parseJson(), configSchema), output.stdout)
  const found = (contexts ?? []).find(({ name }) => name === context)
  if (found === undefined) {
    const names = (contexts ?? []).map(({ name }) => name)
    const close = nearest(context, names)
    const there = names.length === 0 ? 'the kubeconfig has none' : `there are ${names.join(', ')}`
    throw new OperatorError(`there is no context "${context}"; ${there}${close === undefined ? '' : `. Did you mean ${close}?`}`, {
      kind: 'usage',
      remedy: 'kubectl config get-contexts',
    })
  }
  const server = (clusters ?? []).find(({ name }) => name === found.context.cluster)?.cluster.server ?? ''
  return { kubectl, context, server, env }
}
