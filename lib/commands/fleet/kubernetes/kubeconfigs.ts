import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { yamlValue } from '../../../base/yaml.ts'
import { messageOf } from '../../../base/errors.ts'
import { inParallel } from '../../../base/parallel.ts'
import { putFile } from '../../../base/write-atomic.ts'
import { findStaticLogin, type StaticLogin } from '../../../connection/static-login.ts'
import { clusterAt } from '../../../kubernetes/client.ts'
import { kinds } from '../../../kubernetes/objects.ts'
import { directEndpoint } from '../../../kubernetes/transport.ts'
import type { Effect } from '../fleet-commands.ts'
import type { FileFinding, FleetCluster } from '../fleet-file.ts'
import { identityFindings, type SeenCluster } from '../fleet-preflight.ts'

const configSchema = v.looseObject({
  'current-context': v.optional(v.string()),
  contexts: v.array(v.looseObject({ name: v.string(), context: v.looseObject({}) })),
  clusters: v.optional(v.array(v.looseObject({ name: v.string(), cluster: v.looseObject({}) })), []),
  users: v.optional(v.array(v.looseObject({ name: v.string(), user: v.looseObject({}) })), []),
})

/** What an entry may say of a server, and of a login: anything else is a program, or a file of the machine that reads it. */
const ofServer = [
  'server',
  'certificate-authority-data',
  'insecure-skip-tls-verify',
  'tls-server-name',
  'disable-compression',
  'extensions',
]
const ofLogin = ['token', 'client-certificate-data', 'client-key-data', 'extensions']

/** Throws for what the entry leads to: its author would get the content of a file as a token, or run a program beside the others' kubeconfigs. */
function verifyWhole(what: string, entry: object, known: readonly string[]): void {
  const other = Object.keys(entry).find((key) => !known.includes(key))
  if (other !== undefined)
    throw new Error(`its ${what} has ${other}: only a token or a certificate within it can be used, and no program or file`)
}

/**
 * A Secret's kubeconfig as one that has the context's name: where it has no such context, its current one gets that name too, for runs and
 * folders use it.
 * @throws Error where it is not a kubeconfig, has neither, or leads to a program or a file
 */
export function kubeconfigWith(content: string, context: string): string {
  const read = v.safeParse(configSchema, yamlOf(content))
  if (!read.success) throw new Error('it is not a kubeconfig')
  const { contexts, 'current-context': current, ...rest } = read.output
  const isNamed = contexts.some(({ name }) => name === context)
  const meant = contexts.find(({ name }) => name === (isNamed ? context : current))
  if (meant === undefined) throw new Error(`it has no context ${context}, and no current one`)
  for (const { name, cluster } of rest.clusters) verifyWhole(`cluster ${name}`, cluster, ofServer)
  for (const { name, user } of rest.users) verifyWhole(`user ${name}`, user, ofLogin)
  const named = isNamed ? contexts : [...contexts, { ...meant, name: context }]
  return JSON.stringify({ ...rest, contexts: named, 'current-context': context })
}

function yamlOf(content: string): unknown {
  try {
    return yamlValue(content)
  } catch {
    return undefined
  }
}

/** A cluster's kubeconfig, or why there is none. */
export type FoundKubeconfig = { readonly content: string } | { readonly problem: string }

interface LookOptions {
  readonly find: (cluster: FleetCluster) => FoundKubeconfig
  /** A folder of this process alone. */
  readonly folder: string
  /** What the command does to the clusters. */
  readonly effect: Effect
  /** What a context meant before, where that is known. */
  readonly knownBefore: Parameters<typeof identityFindings>[2]
  /** Is given what must never be reported. */
  readonly hide: (secret: string) => void
  readonly signal: AbortSignal
}

/** How many clusters are asked at the same time. */
const atOnce = 16

/**
 * Asks every cluster who it is, by the kubeconfig of its Secret. Nothing is changed.
 * @returns the clusters, and all that blocks the run; a cluster that does not answer does not
 */
export async function checkKubeconfigs(
  clusters: readonly FleetCluster[],
  options: LookOptions,
): Promise<{ readonly seen: readonly SeenCluster[]; readonly findings: readonly FileFinding[] }> {
  const problems: FileFinding[] = []
  const seen = await inParallel(clusters, atOnce, async (cluster): Promise<SeenCluster> => {
    options.signal.throwIfAborted()
    const login = loginOf(cluster, options)
    if ('problem' in login) {
      problems.push({ line: cluster.line, what: `${cluster.name}: ${login.problem}` })
      return { cluster, server: '', uid: undefined, complaint: undefined }
    }
    for (const secret of login.secrets) options.hide(secret)
    return { cluster, server: login.server, ...(await askWho(login, options.signal)) }
  })
  return { seen, findings: [...problems, ...identityFindings(seen, options.effect, options.knownBefore)] }
}

function loginOf(cluster: FleetCluster, { find, folder }: LookOptions): StaticLogin | { readonly problem: string } {
  const found = find(cluster)
  if ('problem' in found) return found
  const secret = `the kubeconfig of the Secret ${cluster.kubeconfigSecret ?? ''}`
  try {
    const file = writeKubeconfig(folder, cluster, found.content)
    const problem = `${secret} must use a token or a certificate: the pods have no login programs`
    return findStaticLogin(cluster.context, file) ?? { problem }
  } catch (error) {
    return { problem: `${secret} cannot be used: ${messageOf(error)}` }
  }
}

/** Writes a cluster's kubeconfig, with the context that FILE names, for this user alone. Returns its path. */
export function writeKubeconfig(folder: string, { name, context }: Pick<FleetCluster, 'name' | 'context'>, content: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, `${name}.kubeconfig`)
  putFile(file, kubeconfigWith(content, context))
  return file
}

async function askWho(login: StaticLogin, signal: AbortSignal): Promise<Pick<SeenCluster, 'uid' | 'complaint'>> {
  const endpoint = directEndpoint(login)
  try {
    const patience = { milliseconds: 3000, trouble: () => undefined, over: () => undefined }
    const cluster = clusterAt(endpoint, patience, AbortSignal.any([signal, AbortSignal.timeout(10_000)]))
    const uid = (await cluster.get({ ...kinds.namespace, name: 'kube-system' }))?.metadata.uid
    return { uid, complaint: uid === undefined ? 'it has no namespace kube-system' : undefined }
  } catch (error) {
    signal.throwIfAborted()
    return { uid: undefined, complaint: messageOf(error) }
  } finally {
    endpoint.close()
  }
}
