import { existsSync } from 'node:fs'
import { delimiter } from 'node:path'
import * as v from 'valibot'
import { complaintOf, shell } from '../process/command.ts'
import { kubectlEnvironment, personEnvironment } from '../process/environment.ts'
import { OperatorError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { canAsk } from '../terminal/prompt.ts'
import { variables } from './settings.ts'

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

const entriesOf = <T extends v.GenericSchema>(entries: T) => v.optional(v.nullable(v.array(entries)), [])
const execSchema = v.object({
  command: v.string(),
  interactiveMode: v.optional(v.picklist(['Always', 'IfAvailable', 'Never']), 'IfAvailable'),
})
const configSchema = v.object({
  contexts: entriesOf(v.object({ name: v.string(), context: v.object({ cluster: v.string(), user: v.optional(v.string(), '') }) })),
  users: entriesOf(v.object({ name: v.string(), user: v.object({ exec: v.optional(execSchema) }) })),
  clusters: entriesOf(v.object({ name: v.string(), cluster: v.object({ server: v.optional(v.string(), '') }) })),
})

const modes = { Always: 'always', IfAvailable: 'perhaps', Never: 'never' } as const

/**
 * Looks the context up in the person's kubeconfig (`file`, else KUBECONFIG, else the usual place).
 * @throws OperatorError `usage` for an unknown context, naming those there are
 */
export async function findAccess(kubectl: string, context: string, file: string | undefined): Promise<Access> {
  const named = file === undefined ? {} : { KUBECONFIG: file }
  const $ = shell(kubectlEnvironment(named))({ timeout: '30s' })
  const output = await $`${kubectl} config view -o json`.catch((error: unknown) => {
    throw new OperatorError(`the kubeconfig cannot be read: ${complaintOf(error)}`, { kind: 'usage', remedy: 'kubectl config view' })
  })
  const found = accessIn(output.stdout, context, file)
  // What this project is given itself, as the login for Git, is not a login program's.
  const env = found.login === undefined ? kubectlEnvironment(named) : personEnvironment(variables, named)
  return { kubectl, context, env, ...found }
}

/**
 * Where a context leads, and how its login is made.
 * @param config the kubeconfig, as `kubectl config view -o json` prints it
 * @param file where it was read, if a flag says so
 * @throws OperatorError `usage` where it cannot be understood, or has no such context
 */
export function accessIn(config: string, context: string, file?: string): Pick<Access, 'server' | 'login'> {
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), configSchema), config)
  if (!read.success) {
    throw new OperatorError(`the kubeconfig is not valid: ${v.summarize(read.issues)}`, {
      kind: 'usage',
      remedy: 'kubectl config view',
    })
  }
  const { contexts, clusters, users } = read.output
  const found = (contexts ?? []).find(({ name }) => name === context)
  if (found === undefined) {
    const names = (contexts ?? []).map(({ name }) => name)
    const close = nearest(context, names)
    const there = names.length === 0 ? (missingFiles(file) ?? 'the kubeconfig has none') : `there are ${names.join(', ')}`
    throw new OperatorError(`there is no context "${context}"; ${there}${close === undefined ? '' : `. Did you mean ${close}?`}`, {
      kind: 'usage',
      remedy: 'kubectl config get-contexts',
    })
  }
  const server = (clusters ?? []).find(({ name }) => name === found.context.cluster)?.cluster.server ?? ''
  const exec = (users ?? []).find(({ name }) => name === found.context.user)?.user.exec
  const login = exec === undefined ? undefined : { program: exec.command, asks: modes[exec.interactiveMode] }
  return { server, login }
}

/** kubectl takes a kubeconfig that does not exist for an empty one. */
function missingFiles(file: string | undefined): string | undefined {
  const named = (file ?? process.env.KUBECONFIG ?? '').split(delimiter).filter((path) => path !== '')
  const missing = named.filter((path) => !existsSync(path))
  if (missing.length === 0) return undefined
  return `${missing.join(' and ')}, which ${file === undefined ? 'KUBECONFIG' : '--kubeconfig'} names, ${missing.length === 1 ? 'does' : 'do'} not exist`
}

/** Throws where the context's login asks questions that nobody is there to answer. */
export function verifyLogin({ context, login }: Access): void {
  if (login?.asks !== 'always' || canAsk()) return
  throw new OperatorError(
    `the login of context ${context} by ${login.program} asks questions (interactiveMode: Always), and there is no terminal to ask on`,
    { kind: 'blocked', remedy: 'run it in a terminal, or give the job a context whose login asks no questions' },
  )
}
