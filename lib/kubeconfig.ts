import { spawn } from 'node:child_process'
import * as v from 'valibot'
import { complaintOf, shell } from './command.ts'
import { kubectlEnvironment } from './environment.ts'
import { OperatorError } from './errors.ts'
import { nearest } from './flags.ts'
import { canAsk } from './prompt.ts'

/** How kubectl reaches one cluster. */
export interface Access {
  readonly kubectl: string
  readonly context: string
  /** The API server's URL, as people know it. */
  readonly server: string
  readonly env: Record<string, string>
  /** The program that logs in, where kubeconfig names one: it may ask questions. */
  readonly loginProgram: string | undefined
}

const named = <T extends v.GenericSchema>(entries: T) => v.optional(v.nullable(v.array(entries)), [])
const configSchema = v.object({
  contexts: named(v.object({ name: v.string(), context: v.object({ cluster: v.string(), user: v.optional(v.string(), '') }) })),
  users: named(v.object({ name: v.string(), user: v.object({ exec: v.optional(v.object({ command: v.string() })) }) })),
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
  const loginProgram = (users ?? []).find(({ name }) => name === found.context.user)?.user.exec?.command
  return { kubectl, context, server, env, loginProgram }
}

/**
 * Lets the login program ask its questions, if it has any: one kubectl call in the foreground, on the person's terminal. kubectl keeps
 * the login, so the proxy in the background need not ask. Without a login program, or without a terminal, there is nothing to do.
 */
export async function logIn({ kubectl, context, env, loginProgram }: Access): Promise<void> {
  if (loginProgram === undefined || !canAsk()) return
  const child = spawn(kubectl, [`--context=${context}`, 'get', '--raw=/version'], { env, stdio: ['inherit', 'ignore', 'inherit'] })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code === 0) return
  throw new OperatorError(`the login of context ${context} by ${loginProgram} failed`, {
    kind: 'blocked',
    remedy: `kubectl --context ${context} get --raw /version`,
  })
}
