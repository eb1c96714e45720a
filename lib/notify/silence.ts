import { join } from 'node:path/posix'
import * as v from 'valibot'
import { beginningOf } from '../base/outside-text.ts'
import type { RunState } from '../runner/run-state.ts'
import { askWeb } from '../tools/http-client.ts'
import type { Matcher } from './matchers.ts'

/** An Alertmanager, as the settings name it. */
export interface Alertmanager {
  readonly url: URL
  readonly authorization: string | undefined
  /** A private authority of its certificate. */
  readonly caFile: string | undefined
}

export interface SilenceOptions {
  readonly matchers: readonly Matcher[]
  readonly createdBy: string
  readonly comment: string
  /** How long it lasts unless it is renewed, in milliseconds. */
  readonly lasts: number
}

const notedSchema = v.object({ silence: v.optional(v.object({ id: v.string() })) })
const madeSchema = v.object({ silenceID: v.string() })
const thereSchema = v.object({ startsAt: v.string(), status: v.object({ state: v.string() }) })

/** The longest one request may take: a run does not wait for those who only watch it. */
export const silencePatience = 10_000

/**
 * Silences the alerts from now on, or for longer where the run, or the one it resumes, has a silence already. A renewed silence
 * keeps its id as long as it says the second it started in (alertmanager silence/silence.go, canUpdate).
 * @throws where Alertmanager does not answer, or refuses
 */
export async function prolongSilence(alertmanager: Alertmanager, memory: RunState, { lasts, ...silenced }: SilenceOptions): Promise<void> {
  const there = await findOwn(alertmanager, memory)
  const made = await ask(alertmanager, 'POST', 'silences', {
    ...silenced,
    startsAt: new Date().toISOString(),
    ...there,
    endsAt: new Date(Date.now() + lasts).toISOString(),
  })
  const { silenceID: id } = v.parse(madeSchema, made)
  if (id !== there?.id) memory.write({ silence: { id } })
}

/** Ends the run's silence, unless it has ended by itself. */
export async function endSilence(alertmanager: Alertmanager, memory: RunState): Promise<void> {
  const there = await findOwn(alertmanager, memory)
  if (there !== undefined) await ask(alertmanager, 'DELETE', `silence/${there.id}`)
}

/** The silence that the run remembers; undefined where there is none, or it is over. */
async function findOwn(alertmanager: Alertmanager, memory: RunState): Promise<{ id: string; startsAt: string } | undefined> {
  const id = v.parse(notedSchema, memory.read()).silence?.id
  const found = id === undefined ? undefined : await ask(alertmanager, 'GET', `silence/${id}`)
  if (id === undefined || found === undefined) return undefined
  const { startsAt, status } = v.parse(thereSchema, found)
  return status.state === 'expired' ? undefined : { id, startsAt }
}

/** One request; undefined where the thing does not exist, or the answer is empty. */
async function ask(alertmanager: Alertmanager, method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
  const { url, authorization, caFile } = alertmanager
  const answer = await askWeb(new URL(join(url.pathname, 'api/v2', path), url), {
    method,
    headers: {
      accept: 'application/json',
      ...(authorization === undefined ? {} : { authorization }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    caFile,
    deadline: silencePatience,
  })
  const said = answer.body.toString()
  if (answer.status === 404 && method !== 'POST') return undefined
  if (answer.status !== 200) throw new Error(`it answers ${answer.status} ${beginningOf(said, 200)}`)
  return said === '' ? undefined : v.parse(v.pipe(v.string(), v.parseJson()), said)
}
