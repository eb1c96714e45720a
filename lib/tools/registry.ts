import { createHash } from 'node:crypto'
import * as v from 'valibot'
import { messageOf, OperatorError } from '../base/errors.ts'
import { printable } from '../base/shell-line.ts'
import { isLocal, type RegistryLogin, registryLoginFor } from './registry-login.ts'
import { askWeb, type WebAnswer } from './http-client.ts'

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
 * Asks a registry for an artifact's manifest: with the login, or else as anyone, with the token it hands to anyone.
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
  v.object({ config: v.optional(v.object({ digest: v.string() })), layers: v.array(v.object({ digest: v.string() })) }),
)
type Manifest = v.InferOutput<typeof manifestSchema>

/**
 * Downloads the one layer of an artifact, as `flux push artifact` makes it.
 * @returns undefined where it is missing or refused, which `findArtifact` tells apart
 * @throws OperatorError where the registry cannot be reached
 */
export function pullLayer(artifact: Artifact, login: RegistryLogin, signal: AbortSignal): Promise<Buffer | undefined> {
  return pullBlob(artifact, ({ layers }) => layers[0]?.digest, login, signal)
}

/** Downloads the configuration of an artifact: of a Helm chart its Chart.yaml, as JSON. Returns and throws as `pullLayer` does. */
export function pullConfig(artifact: Artifact, login: RegistryLogin, signal: AbortSignal): Promise<Buffer | undefined> {
  return pullBlob(artifact, ({ config }) => config?.digest, login, signal)
}

async function pullBlob(
  artifact: Artifact,
  choose: (manifest: Manifest) => string | undefined,
  login: RegistryLogin,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const { reference } = artifact
  const manifest = await ask(artifact, { method: 'GET', path: `manifests/${reference}`, accept: manifestTypes }, login, signal)
  if (manifest.status !== 200) return undefined
  if (reference.startsWith('sha256:')) verifyContent(artifact, `manifests/${reference}`, reference, manifest.body)
  const parsed = v.safeParse(manifestSchema, manifest.body.toString())
  const wanted = parsed.success ? choose(parsed.output) : undefined
  if (wanted === undefined) return undefined
  const { status, body } = await ask(artifact, { method: 'GET', path: `blobs/${wanted}`, accept: '*/*' }, login, signal)
  if (status !== 200) return undefined
  verifyContent(artifact, `blobs/${wanted}`, wanted, body)
  return body
}

function verifyContent(artifact: Artifact, path: string, wanted: string, body: Buffer): void {
  const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`
  if (digest !== wanted) throw unaskable(artifact, path, new Error(`it answers with other content, of ${digest}`))
}

const tagsSchema = v.pipe(v.string(), v.parseJson(), v.object({ tags: v.nullish(v.array(v.string()), []) }))

/** A registry that always has one page more is believed this often. */
const mostPages = 100

/**
 * The tags that a registry has of an artifact, all pages of them: ghcr.io answers 100 at a time, quay.io 50. Undefined where it does not
 * say.
 */
export async function listTags(artifact: Artifact, login: RegistryLogin, signal: AbortSignal): Promise<readonly string[] | undefined> {
  const tags: string[] = []
  let next = 'tags/list?n=1000'
  for (let page = 0; next !== '' && page < mostPages; page += 1) {
    const { status, body, header } = await ask(artifact, { method: 'GET', path: next, accept: 'application/json' }, login, signal)
    const parsed = v.safeParse(tagsSchema, body.toString())
    if (status !== 200 || !parsed.success) return undefined
    tags.push(...(parsed.output.tags ?? []))
    next = nextPage(header('link'))
  }
  return tags
}

/** `</v2/charts/flux-operator/tags/list?last=0.9.0&n=100>; rel="next"`: of the same list, wherever the address says that it is. */
function nextPage(link: string): string {
  const address = /<([^<>]*)>\s*;\s*rel="?next"?/i.exec(link)?.[1] ?? ''
  const query = address.slice(address.indexOf('?') + 1)
  return address.includes('?') ? `tags/list?${query}` : ''
}

/** The digest of an artifact's manifest; undefined where the registry does not say, or there is none. */
export async function digestOf(artifact: Artifact, login: RegistryLogin, signal: AbortSignal): Promise<string | undefined> {
  const question: Question = { method: 'HEAD', path: `manifests/${artifact.reference}`, accept: manifestTypes }
  const { status, header } = await ask(artifact, question, login, signal)
  const digest = header('docker-content-digest')
  return status === 200 && /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : undefined
}

interface Question {
  readonly method: 'HEAD' | 'GET'
  /** Below the repository. */
  readonly path: string
  readonly accept: string
}

/** Registries on this machine speak plain http, as they do for Flux (google/go-containerregistry pkg/name, Scheme). */
function addressOf({ host, repository }: Artifact, path: string): string {
  return `${isLocal(host) ? 'http' : 'https'}://${host}/v2/${repository}/${path}`
}

function unaskable(artifact: Artifact, path: string, cause: unknown): OperatorError {
  const { host, repository, reference } = artifact
  return new OperatorError(`the registry ${host} cannot be asked for ${repository}:${reference}: ${messageOf(cause)}`, {
    remedy: printable(['curl', '-I', addressOf(artifact, path)]),
  })
}

/** A layer of some megabytes on a slow line, in milliseconds. */
const patience = 2 * 60_000
/** Flux's manifests are one megabyte. */
const largestLayer = 64 * 1024 * 1024

/** Asks a registry: as anyone, and where it wants to know who, with the login or the token it hands to anyone. */
async function ask(artifact: Artifact, { method, path, accept }: Question, login: RegistryLogin, signal: AbortSignal): Promise<WebAnswer> {
  const own = registryLoginFor(login, artifact.host)
  const { caFile } = own
  const once = (headers: Record<string, string>): Promise<WebAnswer> =>
    // Registries keep blobs elsewhere; the login is not shown there.
    askWeb(addressOf(artifact, path), {
      method,
      headers: { accept, ...headers },
      caFile,
      redirects: 3,
      signal,
      ...(path.startsWith('blobs/') ? { deadline: patience, most: largestLayer } : {}),
    })
  try {
    const answer = await once({})
    // Who the registry redirects to asks for a login of its own, and names who is to be shown it.
    if (answer.status !== 401 || answer.origin !== new URL(addressOf(artifact, path)).origin) return answer
    const authorization = await answerTo(answer.challenge, artifact, own, signal)
    return authorization === undefined ? answer : await once({ authorization })
  } catch (cause) {
    signal.throwIfAborted()
    throw unaskable(artifact, path, cause)
  }
}

const tokenSchema = v.pipe(v.string(), v.parseJson(), v.object({ token: v.optional(v.string()), access_token: v.optional(v.string()) }))

/** What to say to a registry that asks who is there (distribution/distribution, docs/spec/auth/token.md); undefined where it requires a login. */
async function answerTo(
  challenge: string,
  artifact: Artifact,
  { username, password, caFile }: RegistryLogin,
  signal: AbortSignal,
): Promise<string | undefined> {
  const basic = password === undefined ? undefined : `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  if (!/^bearer /i.test(challenge)) return basic
  const fields = new Map([...challenge.matchAll(/\b(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]))
  const realm = fields.get('realm')
  if (realm === undefined) return undefined
  if (!URL.canParse(realm)) throw new Error(`its token address is not a URL: ${realm}`)
  const url = new URL(realm)
  // Tokens and logins go where nobody listens, or to the registry on this machine itself.
  const isPlain = url.protocol === 'http:' && isLocal(artifact.host) && url.host === artifact.host
  if (url.protocol !== 'https:' && !isPlain) throw new Error(`it issues tokens at ${url.origin}, without TLS; nothing was sent there`)
  for (const name of ['service', 'scope']) {
    const value = fields.get(name)
    if (value !== undefined) url.searchParams.set(name, value)
  }
  const headers = basic === undefined ? undefined : { authorization: basic }
  const { status, body } = await askWeb(url, { caFile, redirects: 3, signal, ...(headers === undefined ? {} : { headers }) })
  if (status !== 200) return undefined
  const { token, access_token: other } = v.parse(tokenSchema, body.toString())
  return `Bearer ${token ?? other ?? ''}`
}
