import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { putFile } from '../../../base/write-atomic.ts'
import { type GitLogin, originOf } from '../../../tools/git-login.ts'
import { gitAt, type Remote } from '../../../tools/git.ts'
import { kinds, type KubeObject } from '../../../kubernetes/objects.ts'
import type { Redactor } from '../../../base/redactor.ts'
import type { Step } from '../../../runner/step.ts'
import type { WantedSecret } from '../../bootstrap/secrets.ts'
import { ensureSecret } from '../../bootstrap/steps/secret.ts'

const secretSchema = v.object({ data: v.object({ username: v.string(), password: v.string() }) })

const keySchema = v.object({ data: v.optional(v.object({ identity: v.optional(v.string()), known_hosts: v.optional(v.string()) }), {}) })

/** What Flux follows, and what vouches for its server. */
export interface LoginPlace {
  readonly url: string
  readonly caFile: string | undefined
  /** A folder of the run's own, which is gone with it: for a key, as long as it is tried. */
  readonly folder: () => string
}

/** The place of a repository whose server the person's settings know. */
export function loginPlaceOf(url: string, login: GitLogin, folder: () => string): LoginPlace {
  return { url, caFile: login.kind === 'ssh' ? undefined : login.caFile, folder }
}

/**
 * Gives Flux this person's login, unless the server takes the one that is there: a server that is overloaded, or that was asked too often,
 * refuses for a while too, and a login of Flux's own was given to it on purpose.
 */
export function ensureLogin(secret: WantedSecret, place: LoginPlace, redactor: Pick<Redactor, 'hide'>): Step {
  const step = ensureSecret(secret)
  const ref = { ...kinds.secret, namespace: secret.namespace, name: secret.name }
  let isTaken: Promise<boolean> | undefined
  return {
    ...step,
    async check(run) {
      const status = await step.check(run)
      if (status.is !== 'todo') return status
      const live = await run.cluster.get(ref)
      if (live === undefined) return status
      isTaken ??= isAccepted(live, place, redactor, run.signal)
      if (!(await isTaken)) return status
      return { is: 'done', detail: `Secret ${secret.name} has a login that ${originOf(place.url)} accepts, and is not changed` }
    },
  }
}

/** Whether the server accepts the login that a Secret holds; not where it holds none that can be tried from here. */
async function isAccepted(secret: KubeObject, place: LoginPlace, redactor: Pick<Redactor, 'hide'>, signal: AbortSignal): Promise<boolean> {
  const login = loginIn(secret, place, redactor)
  if (login !== undefined) return takes({ url: place.url, ref: 'HEAD', login }, signal)
  const { identity, known_hosts: hosts } = v.parse(keySchema, secret).data
  const origin = originOf(place.url)
  if (identity === undefined || hosts === undefined || origin?.startsWith('ssh:') !== true) return false
  const folder = await mkdtemp(join(place.folder(), 'login-'))
  try {
    const [keyFile, knownHostsFile] = [join(folder, 'identity'), join(folder, 'known_hosts')]
    const key = Buffer.from(identity, 'base64').toString()
    redactor.hide(key)
    putFile(keyFile, key)
    putFile(knownHostsFile, Buffer.from(hosts, 'base64').toString())
    return await takes({ url: place.url, ref: 'HEAD', login: { kind: 'ssh', keyFile, knownHostsFile, origin } }, signal)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The login by password that a Secret holds; undefined where it holds another. */
function loginIn(secret: KubeObject, { url, caFile }: LoginPlace, redactor: Pick<Redactor, 'hide'>): GitLogin | undefined {
  const read = v.safeParse(secretSchema, secret)
  const origin = originOf(url)
  if (!read.success || origin === undefined || !/^https?:/.test(origin)) return undefined
  const [username, password] = [read.output.data.username, read.output.data.password].map((value) =>
    Buffer.from(value, 'base64').toString(),
  )
  if (username === undefined || password === undefined || password === '') return undefined
  redactor.hide(password)
  return { kind: 'password', username, password, origin, ...(caFile === undefined ? {} : { caFile }) }
}

/** Whether the server answers to this login; one that does not answer at all does not. */
async function takes(remote: Remote, signal: AbortSignal): Promise<boolean> {
  try {
    await gitAt(remote, ['ls-remote', '--', remote.url, remote.ref], { signal })
    return true
  } catch {
    signal.throwIfAborted()
    return false
  }
}
