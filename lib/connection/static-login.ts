import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import * as v from 'valibot'
import type { ServerLogin } from '../kubernetes/transport.ts'
import { proxies } from '../process/environment.ts'
import { type KubeconfigEntries, readKubeconfigEntries } from './kubeconfig-files.ts'

const text = v.pipe(v.string(), v.nonEmpty())
const contextSchema = v.strictObject({
  cluster: text,
  user: text,
  namespace: v.optional(v.string()),
  extensions: v.optional(v.unknown()),
})
const clusterSchema = v.strictObject({
  server: v.pipe(v.string(), v.url(), v.startsWith('https://')),
  'certificate-authority': v.optional(text),
  'certificate-authority-data': v.optional(text),
  'insecure-skip-tls-verify': v.optional(v.boolean(), false),
  'tls-server-name': v.optional(text),
  'disable-compression': v.optional(v.boolean()),
  extensions: v.optional(v.unknown()),
})
const userSchema = v.strictObject({
  token: v.optional(text),
  tokenFile: v.optional(text),
  'client-certificate': v.optional(text),
  'client-certificate-data': v.optional(text),
  'client-key': v.optional(text),
  'client-key-data': v.optional(text),
  extensions: v.optional(v.unknown()),
})

/** A login that says all by itself, and whom it is shown to. */
export interface StaticLogin extends ServerLogin {
  /** What must never be reported: the token, the key. */
  readonly secrets: readonly string[]
}

/**
 * How to reach the context's cluster without kubectl: where its kubeconfig has a certificate or a token, an authority to check the server by,
 * and nothing else. undefined for whatever is not understood to the last word (a login program, a proxy, impersonation, two entries of one
 * name, a file that is missing): that is kubectl's to do, or to complain of.
 * @param file where the kubeconfig is, if a flag says so
 */
export function findStaticLogin(context: string, file: string | undefined): StaticLogin | undefined {
  try {
    return loginIn(readKubeconfigEntries(file), context)
  } catch {
    return undefined
  }
}

/** Throws, or returns undefined, where it is not as simple as that. */
function loginIn({ contexts, clusters, users }: KubeconfigEntries, context: string): StaticLogin | undefined {
  const own = v.parse(contextSchema, only(contexts, context).value)
  const [clusterEntry, userEntry] = [only(clusters, own.cluster), only(users, own.user)]
  const cluster = v.parse(clusterSchema, clusterEntry.value)
  const user = v.parse(userSchema, userEntry.value)
  const ca = contentOf(cluster['certificate-authority-data'], cluster['certificate-authority'], clusterEntry.file)
  const cert = contentOf(user['client-certificate-data'], user['client-certificate'], userEntry.file)
  const key = contentOf(user['client-key-data'], user['client-key'], userEntry.file)
  const insecure = cluster['insecure-skip-tls-verify']
  const hasToken = user.token !== undefined || user.tokenFile !== undefined
  if ((ca === undefined) !== insecure) return undefined // the system's authorities are not Node's; both at once is an error
  if ((cert === undefined) !== (key === undefined) || (cert === undefined && !hasToken)) return undefined
  if (user.token !== undefined && user.tokenFile !== undefined) return undefined // which of the two counts depends on kubectl's version
  if (isBehindProxy(cluster.server)) return undefined
  createSecureContext({ ca, cert, key }) // throws for what it cannot use, as a key with a passphrase
  const tokenFile = user.tokenFile === undefined ? undefined : besideOf(userEntry.file, user.tokenFile)
  const token = user.token ?? (tokenFile === undefined ? undefined : readFileSync(tokenFile, 'utf8').trim())
  return {
    server: cluster.server,
    ca,
    cert,
    key,
    insecure,
    serverName: cluster['tls-server-name'],
    token: tokenFile === undefined ? token : { file: tokenFile },
    secrets: [token, key].flatMap((secret) => secret ?? []),
  }
}

/** The one entry of the name. Of several files that have it, the first would count; of several in one file, that is not said. */
function only(entries: KubeconfigEntries['contexts'], name: string): KubeconfigEntries['contexts'][number] {
  const [entry, ...more] = entries.filter((one) => one.name === name)
  const others = more.filter(({ file }) => file === entry?.file)
  if (entry === undefined || others.length > 0) throw new Error(`no single entry ${name}`)
  return entry
}

/** Data stands before a file, as kubectl has it. */
function contentOf(data: string | undefined, path: string | undefined, kubeconfig: string): string | undefined {
  if (data !== undefined) return Buffer.from(data, 'base64').toString()
  return path === undefined ? undefined : readFileSync(besideOf(kubeconfig, path), 'utf8')
}

/** Paths are relative to the file that they are in. */
function besideOf(kubeconfig: string, path: string): string {
  return resolve(dirname(kubeconfig), path)
}

/** kubectl uses the environment's proxy, and no proxy reaches what listens on this machine. */
function isBehindProxy(server: string): boolean {
  const { hostname } = new URL(server)
  return proxies().httpsProxy !== '' && !['localhost', '127.0.0.1', '[::1]'].includes(hostname)
}
