import * as v from 'valibot'
import { OperatorError } from '../../base/errors.ts'
import { inParallel } from '../../base/parallel.ts'
import { type Access, accessIn } from '../../connection/kubeconfig.ts'
import { variables } from '../../connection/settings.ts'
import { complaintOf, shell } from '../../process/command.ts'
import { kubectlEnvironment, personEnvironment } from '../../process/environment.ts'
import { knownCluster } from '../../runner/run-store.ts'
import type { Effect } from './fleet-commands.ts'
import type { FileFinding, FleetCluster } from './fleet-file.ts'

/** How the clusters of a fleet are reached. */
export interface FleetAccess {
  readonly kubectl: string
  readonly kubeconfig: string | undefined
  /** Where the runs of all contexts are kept. */
  readonly runs: string
  /** A lab's clusters are recreated under the same names all the time. */
  readonly isLab: boolean
}

/** What a cluster turned out to be, before anything is started on it. */
export interface SeenCluster {
  readonly cluster: FleetCluster
  readonly server: string
  /** The UID of kube-system; undefined where the API did not answer. */
  readonly uid: string | undefined
  /** Why the API did not answer. */
  readonly complaint: string | undefined
}

/** How many clusters are asked at the same time. */
const atOnce = 8

/**
 * Asks every cluster who it is. Nothing is changed.
 * @returns the clusters, and all that blocks the run: an unknown context, one that means another cluster than before, two contexts of one
 * cluster that is to be changed, a login that asks questions. A cluster that does not answer is not a finding: its own run then fails, and
 * counts as a failure.
 */
export async function readClusters(
  clusters: readonly FleetCluster[],
  access: FleetAccess,
  { effect, signal }: { readonly effect: Effect; readonly signal: AbortSignal },
): Promise<{ readonly seen: readonly SeenCluster[]; readonly findings: readonly FileFinding[] }> {
  const config = await readKubeconfig(access)
  const found = clusters.map((cluster) => ({ cluster, ...whereIs(cluster, config, access) }))
  const seen = await inParallel(found, atOnce, async ({ cluster, server, login }) => {
    signal.throwIfAborted()
    const who = server === undefined ? { uid: undefined, complaint: undefined } : await askWho(cluster.context, login, access, signal)
    return { cluster, server: server ?? '', ...who }
  })
  const unknown = found.flatMap(({ cluster, problem }) => (problem === undefined ? [] : [{ line: cluster.line, what: problem }]))
  const identity = identityFindings(seen, effect, (context) => (access.isLab ? undefined : knownCluster(access.runs, context)))
  return { seen, findings: [...unknown, ...identity].sort((one, other) => one.line - other.line) }
}

/**
 * Contexts that mean another cluster than before, or the same cluster as another. One that is only checked may be there twice: of that
 * `warningsOf` warns.
 * @param knownBefore what a context meant, where that is known
 */
export function identityFindings(
  seen: readonly SeenCluster[],
  effect: Effect,
  knownBefore: (context: string) => { readonly uid: string; readonly server: string } | undefined,
): FileFinding[] {
  const moved = seen.flatMap(({ cluster: { name, context, line }, uid, server }) => {
    const known = knownBefore(context)
    if (uid === undefined || known === undefined || known.uid === uid) return []
    const before = `${known.server} (kube-system ${known.uid})`
    return [{ line, what: `${name}: the context ${context} meant another cluster before: ${before}; now it is ${server} (${uid})` }]
  })
  return effect === 'nothing' ? moved : [...moved, ...duplicateClusters(seen)].sort((one, other) => one.line - other.line)
}

/** Clusters that an earlier line of FILE names already, under another context. */
export function duplicateClusters(seen: readonly SeenCluster[]): FileFinding[] {
  const firsts = new Map<string, FleetCluster>()
  return seen.flatMap(({ cluster, uid }) => {
    const first = uid === undefined ? undefined : firsts.get(uid)
    if (uid !== undefined && first === undefined) firsts.set(uid, cluster)
    if (first === undefined) return []
    return [{ line: cluster.line, what: `${cluster.name} is the same cluster as ${first.name} in line ${first.line}: kube-system ${uid}` }]
  })
}

/** What of the clusters is no reason to begin nothing, and that a person should know. */
export function warningsOf(seen: readonly SeenCluster[]): string[] {
  const silent = seen.flatMap(({ cluster: { name }, complaint }) =>
    complaint === undefined
      ? []
      : [`${name} does not answer; if it still does not when its turn comes, it counts as a failure: ${complaint}`],
  )
  return [...silent, ...duplicateClusters(seen).map(({ what }) => what)]
}

async function readKubeconfig({ kubectl, kubeconfig }: FleetAccess): Promise<string> {
  const env = kubectlEnvironment(kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig })
  const output = await shell(env)({ timeout: '30s' })`${kubectl} config view -o json`.catch((error: unknown) => {
    throw new OperatorError(`the kubeconfig cannot be read: ${complaintOf(error)}`, { kind: 'usage', remedy: 'kubectl config view' })
  })
  return output.stdout
}

interface Place {
  readonly server: string | undefined
  readonly login: Access['login']
  readonly problem: string | undefined
}

function whereIs({ name, context }: FleetCluster, config: string, { kubeconfig }: FleetAccess): Place {
  try {
    const { server, login } = accessIn(config, context, kubeconfig)
    const problem =
      login?.asks === 'always'
        ? `${name}: the login of context ${context} by ${login.program} asks questions (interactiveMode: Always); the clusters of a fleet run without a terminal`
        : undefined
    return { server: problem === undefined ? server : undefined, login, problem }
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    return { server: undefined, login: undefined, problem: `${name}: ${error.message}` }
  }
}

const namespaceSchema = v.pipe(v.string(), v.parseJson(), v.object({ metadata: v.object({ uid: v.string() }) }))

async function askWho(
  context: string,
  login: Access['login'],
  { kubectl, kubeconfig }: FleetAccess,
  signal: AbortSignal,
): Promise<Pick<SeenCluster, 'uid' | 'complaint'>> {
  const named = kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig }
  // What this project is given itself, as the login for Git, is not for login programs.
  const env = login === undefined ? kubectlEnvironment(named) : personEnvironment(variables, named)
  const $ = shell(env, { signal })({ timeout: '30s' })
  try {
    const { stdout } = await $`${kubectl} --context ${context} --request-timeout=10s get namespace kube-system -o json`
    return { uid: v.parse(namespaceSchema, stdout).metadata.uid, complaint: undefined }
  } catch (error) {
    signal.throwIfAborted()
    return { uid: undefined, complaint: complaintOf(error) }
  }
}
