import { hostname, userInfo } from 'node:os'
import type { Console } from '../terminal/console.ts'
import { messageOf, OperatorError } from '../base/errors.ts'
import { beginningOf } from '../base/outside-text.ts'
import type { RunState } from '../runner/run-state.ts'
import type { Redactor } from '../base/redactor.ts'
import { type Settings } from '../connection/settings.ts'
import { expandHome } from '../base/paths.ts'
import { askWeb } from '../tools/http-client.ts'
import { parseMatchers } from './matchers.ts'
import { webhookBody } from './messages.ts'
import { type Alertmanager, endSilence, silencePatience, prolongSilence } from './silence.ts'

/**
 * Tells people of a run, and keeps the alerts still that it causes. Whatever fails here is a warning on the console: no maintenance window ends
 * because a chat is down.
 */
export interface Announcer {
  /** What it will do, a line each, for the plan; none where the settings name neither webhook nor Alertmanager. */
  readonly intent: readonly string[]
  /** Which alerts a silence is for, as people write it; undefined where no Alertmanager is named. */
  readonly silenced: string | undefined
  /** Posts a message (messages.ts has their forms) to the webhook. Works after the run was cancelled too. */
  readonly say: (text: string) => Promise<Delivery>
  /**
   * Silences the alerts until `end`, and renews that while this process lives: it expires by itself within minutes when the run dies. Its
   * id is noted in `memory`, so that a resumed run takes up the same one. Begin the run before: memory is kept from then on.
   */
  readonly silence: (memory: RunState, comment: string) => Promise<Silence>
}

/** Whether a message was sent, or a silence begun; `nobody` where the settings name no receiver. */
export type Delivery = 'done' | 'failed' | 'nobody'

export interface Silence {
  /** Whether it keeps alerts still at first. */
  readonly begun: Delivery
  readonly end: () => Promise<void>
}

/** How long a silence outlives a run that died: two renewals may fail, and nobody misses an alert for long. */
const lasts = 5 * 60_000

/**
 * Reads from the settings whom to tell and what to silence; asks nobody yet.
 * @param cluster the cluster's folder, which stands for "CLUSTER" in ALERTMANAGER_MATCHERS
 * @throws OperatorError `usage` for settings that cannot be meant
 */
export function openAnnouncer(settings: Settings, cluster: string, redactor: Redactor, console: Console): Announcer {
  const webhook = webhookOf(settings, redactor)
  const alertmanager = alertmanagerOf(settings, redactor)
  const silenced = (settings.ALERTMANAGER_MATCHERS ?? 'namespace="flux-system"').replaceAll('"CLUSTER"', `"${cluster}"`)
  const matchers = alertmanager === undefined ? [] : parseMatchers(silenced)
  const warnOf = (what: string) => (error: unknown) => console.warning(`${what}: ${messageOf(error)}`)
  const delivered = (doing: Promise<void>, failed: string): Promise<Delivery> =>
    doing.then(
      () => 'done',
      (error: unknown) => {
        warnOf(failed)(error)
        return 'failed'
      },
    )

  const post = async (url: URL, text: string): Promise<void> => {
    const { status, body } = await askWeb(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: webhookBody(text),
      deadline: silencePatience,
    })
    if (status >= 300) throw new Error(`it answers ${status} ${beginningOf(body.toString(), 100)}`)
  }

  return {
    intent: [
      ...(webhook === undefined ? [] : ['start, milestones and end are posted to the webhook of SLACK_WEBHOOK_URL']),
      ...(alertmanager === undefined ? [] : [`alerts with ${silenced} are silenced at ${alertmanager.url.host} while the run lasts`]),
    ],
    silenced: alertmanager === undefined ? undefined : silenced,
    async say(text) {
      if (webhook === undefined) return 'nobody'
      const cleaned = redactor.clean(text)
      return delivered(post(webhook, cleaned), `the webhook of SLACK_WEBHOOK_URL did not get "${cleaned.split('\n')[0] ?? ''}"`)
    },
    async silence(memory, comment) {
      if (alertmanager === undefined) return { begun: 'nobody', end: () => Promise.resolve() }
      const { host } = alertmanager.url
      const createdBy = `flux-runbook, ${userInfo().username}@${hostname()}`
      const prolong = (): Promise<void> =>
        prolongSilence(alertmanager, memory, { matchers, createdBy, comment: redactor.clean(comment), lasts })
      const begun = await delivered(prolong(), `alerts are not silenced at ${host}`)
      const renewing = setInterval(() => void prolong().catch(warnOf(`the silence at ${host} was not renewed`)), lasts / 3)
      renewing.unref()
      return {
        begun,
        async end() {
          clearInterval(renewing)
          const warn = warnOf(`the silence at ${host} was not ended, and expires within ${lasts / 60_000} minutes`)
          await endSilence(alertmanager, memory).catch(warn)
        },
      }
    },
  }
}

/** The webhook's URL, which is a secret: anyone who knows it can post. */
function webhookOf({ SLACK_WEBHOOK_URL: text }: Settings, redactor: Redactor): URL | undefined {
  if (text === undefined) return undefined
  const url = httpUrl(text)
  if (url === undefined) throw usage('SLACK_WEBHOOK_URL is not a http or https URL', 'https://hooks.slack.com/services/…')
  for (const part of [url.pathname, url.search]) redactor.hide(part) // where the token is
  return url
}

function alertmanagerOf(settings: Settings, redactor: Redactor): Alertmanager | undefined {
  const { ALERTMANAGER_URL: text, ALERTMANAGER_USERNAME: username, ALERTMANAGER_PASSWORD: password, ALERTMANAGER_CA_FILE: ca } = settings
  if (text === undefined) return undefined
  const url = httpUrl(text)
  if (url === undefined) throw usage('ALERTMANAGER_URL is not a http or https URL', 'https://alertmanager.example.com')
  if (url.username !== '' || url.password !== '') {
    throw usage('ALERTMANAGER_URL holds a login', 'the URL alone, and the login in ALERTMANAGER_USERNAME and ALERTMANAGER_PASSWORD')
  }
  const caFile = ca === undefined ? undefined : expandHome(ca)
  if (username === undefined && password === undefined) return { url, authorization: undefined, caFile }
  if (username === undefined || password === undefined) {
    const half = password === undefined ? 'ALERTMANAGER_USERNAME' : 'ALERTMANAGER_PASSWORD'
    throw usage(`${half} is set without the other half of the login`, 'both ALERTMANAGER_USERNAME and ALERTMANAGER_PASSWORD, or neither')
  }
  const login = `${username}:${password}`
  redactor.hide(login) // hides it in base64 too, as it is sent
  return { url, authorization: `Basic ${Buffer.from(login).toString('base64')}`, caFile }
}

function httpUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === 'https:' || url?.protocol === 'http:' ? url : undefined
}

function usage(what: string, instead: string): OperatorError {
  return new OperatorError(what, { kind: 'usage', remedy: `set ${instead} (.env.example)` })
}
