import * as v from 'valibot'
import { complaintOf, shell } from './command.ts'
import { kubectlEnvironment } from './environment.ts'
import { OperatorError } from './errors.ts'
import { nearest } from './nearest.ts'
import { canAsk } from './prompt.ts'

/** How kubectl reaches one cluster. */
export interface Access {
  readonly kubectl: string
  readonly context: string
  /** The API server's URL, as people know it. */
  readonly server: string
  readonly env: Record<string, string>
  /** The program that logs in, where kubeconfig names one, and whether it asks questions. */
  readonly login: { readonly program: string; readonly asks: 'always' | 'perhaps' | 'never' } | undefined
}

const named = <T extends v.GenericSchema>(entries: T) => v.optional(v.nullable(v.array(entries)), [])
const execSchema = v.object({
  command: v.string(),
  interactiveMode: v.optional(v.picklist(['Always', 'IfAvailable', 'Never']), 'IfAvailable'),
})
const configSchema = v.object({
  contexts: named(v.object({ name: v.string(), context: v.object({ cluster: v.string(), user: v.optional(v.string(), '') }) })),
  users: named(v.object({ name: v.string(), user: v.object({ exec: v.optional(execSchema) }) })),
  clusters: named(v.object({ name: v.string(), cluster: v.object({ server: v.optional(v.string(), '') }) })),
})

const modes = { Always: 'always', IfAvailable: 'perhaps', Never: 'never' } as const

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
  const { contexts, clusters, users } = v.parse(v.pipe(v.string(), v.parseJson(), configSchema), output.stdout)
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
  const exec = (users ?? []).find(({ name }) => name === found.context.user)?.user.exec
  const login = exec === undefined ? undefined : { program: exec.command, asks: modes[exec.interactiveMode] }
  return { kubectl, context, server, env, login }
}

/** Throws where the context's login asks questions that nobody is there to answer. */
export function verifyLogin({ context, login }: Access): void {
  if (login?.asks !== 'always' || canAsk()) return
  throw new OperatorError(
    `the login of context ${context} by ${login.program} asks questions (interactiveMode: Always), and there is no terminal to ask on`,
    { kind: 'blocked', remedy: 'run it in a terminal, or give the job a context whose login asks nothing' },
  )
}
