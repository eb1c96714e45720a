import type { Access } from '../connection/kubeconfig.ts'
import { complaintOf, shell } from '../process/command.ts'

/** What the flux CLI says of a cluster, beside our own verification. */
export type CliOpinion =
  | { readonly is: 'said'; readonly text: string }
  | { readonly is: 'refused'; readonly complaint: string }
  /** The login program asks questions: it has asked them already, and cannot again for another program. */
  | { readonly is: 'not-asked'; readonly why: string }

interface Question {
  readonly flux: string
  readonly access: Access
  readonly namespace: string
  /** As `check --timeout=30s`. */
  readonly args: readonly string[]
}

/** Asks the flux CLI of Flux in a namespace. Throws the signal's reason where that ends it. */
export async function askFluxCli({ flux, access, namespace, args }: Question, signal: AbortSignal): Promise<CliOpinion> {
  const ended = await shell(access.env, { signal })`${flux} ${args} --context=${access.context} --namespace=${namespace}`.nothrow()
  signal.throwIfAborted()
  if (ended.exitCode === 0) return { is: 'said', text: ended.stdout }
  if (access.login !== undefined && ended.stderr.includes('getting credentials: exec')) {
    return { is: 'not-asked', why: `flux ${args[0] ?? ''} was not run: the login by ${access.login.program} needs a terminal` }
  }
  return { is: 'refused', complaint: `flux ${args[0] ?? ''}: ${complaintOf(ended)}` }
}

/** What `flux check` says of the controllers, to be appended to what was verified, or what it complains of. */
export async function askFluxCheck(
  { flux, ...question }: Omit<Question, 'flux' | 'args'> & { readonly flux: string | undefined },
  signal: AbortSignal,
): Promise<{ readonly is: 'agrees'; readonly words: string } | { readonly is: 'complains'; readonly words: string }> {
  if (flux === undefined) return { is: 'agrees', words: '' }
  const opinion = await askFluxCli({ flux, ...question, args: ['check', '--timeout=30s'] }, signal)
  if (opinion.is === 'refused') return { is: 'complains', words: opinion.complaint }
  return { is: 'agrees', words: opinion.is === 'said' ? '; the check of the flux CLI agrees' : `; ${opinion.why}` }
}
