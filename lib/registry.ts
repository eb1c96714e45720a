import { type Dispatcher, interceptors, request } from 'undici'
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
 * @throws OperatorError where the registry cannot be reached, or answers what cannot be understood
 */
export async function findArtifact(artifact: Artifact, login: RegistryLogin, signal: AbortSignal): Promise<Presence> {
  const { status } = await ask(artifact, { method: 'HEAD', path: `manifests/${artifact.reference}`, accept: manifestTypes }, login, signal)
  if (status === 200) return 'there'
  if (status === 404) return 'missing'
  if (status === 401 || status === 403) return 'refused'
  throw unaskable(artifact, `manifests/${artifact.reference}`, new Error(`it answers ${status}`))
}

const manifestSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ layers: v.array(v.object({ digest: v.string(), mediaType: v.string() })) }),
)

/**
 * Downloads the one layer of an artifact, as `flux push artifact` makes it.
 * @returns undefined where it is missing or refused, which `findArtifact` tells apart
 * @throws OperatorError where the registry cannot be reached
 */
export async function pullLayer(artifact: Artifact, login: RegistryLogin, signal: AbortSignal): Promise<Buffer | undefined> {
  const manifest = await ask(artifact, { method: 'GET', path: `manifests/${artifact.reference}`, accept: manifestTypes }, login, signal)
  const parsed = v.safeParse(manifestSchema, manifest.body.toString())
  const layer = manifest.status === 200 && parsed.success ? parsed.output.layers[0] : undefined
  if (layer === undefined) return undefined
  const { status, body } = await ask(artifact, { method: 'GET', path: `blobs/${layer.digest}`, accept: '*/*' }, login, signal)
  return status === 200 ? body : undefined
}

const tagsSchema = v.pipe(v.string(), v.parseJson(), v.object({ tags: v.nullish(v.array(v.string()), []) }))

/** The tags that a registry has of an artifact; undefined where it does not say. */
export async function listTags(artifact: Artifact, login: RegistryLogin, signal: AbortSignal): Promise<readonly string[] | undefined> {
  const { status, body } = await ask(artifact, { method: 'GET', path: 'tags/list', accept: 'application/json' }, login, signal)
  const parsed = v.safeParse(tagsSchema, body.toString())
  return status === 200 && parsed.success ? parsed.output.tags : undefined
}

interface Question {
  readonly method: 'HEAD' | 'GET'
  /** Below the repository. */
  readonly path: string
  readonly accept: string
}

/** Registries on this machine speak plain http, as they do for Flux (google/go-containerregistry pkg/name, Scheme). */
function addressOf({ host, repository }: Artifact, path: string): string {
  const isLocal = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host)
  return `${isLocal ? 'http' : 'https'}://${host}/v2/${repository}/${path}`
}

function unaskable(artifact: Artifact, path: string, cause: unknown): OperatorError {
  const { host, repository, reference } = artifact
  return new OperatorError(`the registry ${host} cannot be asked for ${repository}:${reference}: ${messageOf(cause)}`, {
    remedy: `curl -I ${addressOf(artifact, path)}`,
  })
}

/** Asks a registry: as anybody, and where it wants to know who, with the login or the token it hands to anybody. */
async function ask(
  artifact: Artifact,
  { method, path, accept }: Question,
  login: RegistryLogin,
  signal: AbortSignal,
): Promise<{ status: number; body: Buffer }> {
  // Registries keep blobs elsewhere; the login is not shown there.
  const dispatcher = webClient(login.caFile).compose(interceptors.redirect({ maxRedirections: 3 }))
  const once = async (headers: Record<string, string>): Promise<{ status: number; challenge: string; body: Buffer }> => {
    const answer = await request(addressOf(artifact, path), { method, headers: { accept, ...headers }, dispatcher, signal })
    const body = Buffer.from(await answer.body.arrayBuffer())
    return { status: answer.statusCode, challenge: String(answer.headers['www-authenticate'] ?? ''), body }
  }
  try {
    const answer = await once({})
    if (answer.status !== 401) return answer
    const authorization = await answerTo(answer.challenge, login, dispatcher, signal)
    return authorization === undefined ? answer : await once({ authorization })
  } catch (cause) {
    signal.throwIfAborted()
    throw unaskable(artifact, path, cause)
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
