import { type Dispatcher, request } from 'undici'
import * as v from 'valibot'
import { messageOf, OperatorError } from './errors.ts'
import type { RegistryLogin } from './registry-login.ts'
import { webClient } from './web-client.ts'

/** One artifact in an OCI registry. */
export interface Artifact {
  readonly host: string
  readonly repository: string
  /** A tag, or a digest. */
  readonly reference: string
}

/** What a registry says of an artifact; `refused` is a login that it wants and we do not have. */
export type Presence = 'there' | 'missing' | 'refused'

/** Parses `oci://HOST/REPOSITORY:TAG`, with `@sha256:…` in place of the tag or after it; undefined where it is none. */
export function parseArtifact(url: string): Artifact | undefined {
  const found = /^oci:\/\/([^/]+)\/([^:@]+)(?::([^@]+))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(url)
  if (found === null) return undefined
  const [, host = '', repository = '', tag, digest] = found
  return { host, repository, reference: digest ?? tag ?? 'latest' }
}

const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ')

/**
 * Asks a registry for an artifact's manifest: with the login, or else as anybody, with the token it hands to anybody.
 * Registries on this machine speak plain http, as they do for Flux (google/go-containerregistry pkg/name, Scheme).
 * @throws OperatorError where the registry cannot be reached, or answers what cannot be understood
 */
export async function findArtifact(
  { host, repository, reference }: Artifact,
  login: RegistryLogin,
  signal: AbortSignal,
): Promise<Presence> {
  const isLocal = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host)
  const url = `${isLocal ? 'http' : 'https'}://${host}/v2/${repository}/manifests/${reference}`
  const dispatcher = webClient(login.caFile)
  const head = async (headers: Record<string, string>): Promise<{ status: number; challenge: string }> => {
    const {
      statusCode,
      headers: answered,
      body,
    } = await request(url, { method: 'HEAD', headers: { accept: manifestTypes, ...headers }, dispatcher, signal })
    await body.dump()
    return { status: statusCode, challenge: String(answered['www-authenticate'] ?? '') }
  }
  try {
    let answer = await head({})
    if (answer.status === 401) {
      const authorization = await answerTo(answer.challenge, login, dispatcher, signal)
      if (authorization === undefined) return 'refused'
      answer = await head({ authorization })
    }
    if (answer.status === 200) return 'there'
    if (answer.status === 404) return 'missing'
    if (answer.status === 401 || answer.status === 403) return 'refused'
    throw new Error(`it answers ${answer.status}`)
  } catch (cause) {
    signal.throwIfAborted()
    throw new OperatorError(`the registry ${host} cannot be asked for ${repository}:${reference}: ${messageOf(cause)}`, {
      remedy: `curl -I ${url}`,
    })
  } finally {
    void dispatcher.close()
  }
}

const tokenSchema = v.object({ token: v.optional(v.string()), access_token: v.optional(v.string()) })

/** What to say to a registry that asks who is there (distribution/distribution, docs/spec/auth/token.md); undefined where it wants a login. */
async function answerTo(
  challenge: string,
  { username, password }: RegistryLogin,
  dispatcher: Dispatcher,
  signal: AbortSignal,
): Promise<string | undefined> {
  const basic = password === undefined ? undefined : `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  if (!/^bearer /i.test(challenge)) return basic
  const fields = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]))
  const realm = fields.get('realm')
  if (realm === undefined) return undefined
  const url = new URL(realm)
  for (const name of ['service', 'scope']) {
    const value = fields.get(name)
    if (value !== undefined) url.searchParams.set(name, value)
  }
  const { statusCode, body } = await request(url, { headers: basic === undefined ? {} : { authorization: basic }, dispatcher, signal })
  if (statusCode !== 200) {
    await body.dump()
    return undefined
  }
  const { token, access_token: other } = v.parse(tokenSchema, await body.json())
  return `Bearer ${token ?? other ?? ''}`
}
