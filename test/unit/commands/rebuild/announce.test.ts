import { createServer, type IncomingMessage, type Server } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { listenOn } from '../../../../lab/ports.ts'
import { openAnnouncer } from '../../../../lib/notify/notifier.ts'
import { parseMatchers } from '../../../../lib/notify/matchers.ts'
import { ended, reached, started, webhookBody } from '../../../../lib/notify/messages.ts'
import { announceStart } from '../../../../lib/commands/rebuild/steps/announce.ts'
import type { StepStatus } from '../../../../lib/runner/step.ts'
import type { RunState } from '../../../../lib/runner/run-state.ts'
import { createRedactor } from '../../../../lib/base/redactor.ts'
import type { Settings } from '../../../../lib/connection/settings.ts'
import { recordingConsole } from '../../../recording-console.ts'
import { given, stage } from '../../run-stage.ts'

const rebuild = { script: 'rebuild', context: 'infra' }

describe('messages', () => {
  test('tell who started what, and which alerts keep still', () => {
    const run = { id: '20261124T2200-rebuild', operator: 'ann@desk', silenced: 'namespace="flux-system"' }
    expect(started(rebuild, run)).toBe(
      '► rebuild of infra has started, by ann@desk (run 20261124T2200-rebuild). Alerts with namespace="flux-system" are silenced until it ends or dies.',
    )
    expect(started(rebuild, { ...run, silenced: undefined })).toBe(
      '► rebuild of infra has started, by ann@desk (run 20261124T2200-rebuild).',
    )
  })

  test('tell a milestone and how long it took', () => {
    expect(reached(rebuild, 'Flux is removed, every workload is there', 65_000)).toBe(
      '◎ rebuild of infra, after 1 m 05 s: Flux is removed, every workload is there',
    )
  })

  test('tell how it ended, and what to do where it failed', () => {
    expect(ended(rebuild, 'done', 252_000)).toBe('✔ rebuild of infra ended done after 4 m 12 s')
    expect(ended(rebuild, 'failed', 61_000, { message: 'the namespace is stuck', remedy: 'rebuild --resume' })).toBe(
      '✗ rebuild of infra ended failed after 1 m 01 s: the namespace is stuck\n→ rebuild --resume',
    )
    expect(ended(rebuild, 'cancelled', 1000, { message: 'stopped' })).toBe('⚠ rebuild of infra ended cancelled after 1.0 s: stopped')
  })

  test('have no line that begins with a text of the cluster', () => {
    const message = 'gave up waiting: apps\n✔ rebuild of infra ended done after 4 m 12 s'
    expect(ended(rebuild, 'failed', 61_000, { message, remedy: 'a\n   b' })).toBe(
      '✗ rebuild of infra ended failed after 1 m 01 s: gave up waiting: apps ✔ rebuild of infra ended done after 4 m 12 s\n→ a\n→ b',
    )
    expect(reached(rebuild, 'Git has\n✔ all', 1000)).toBe('◎ rebuild of infra, after 1.0 s: Git has ✔ all')
  })

  test('call nobody by what stands in them', () => {
    expect(JSON.parse(webhookBody('by jane@host: @all, x@sha256:1'))).toEqual({ text: 'by jane@host: @\u200ball, x@sha256:1' })
    expect(JSON.parse(webhookBody('<!channel> & "more"'))).toEqual({ text: '&lt;!channel&gt; &amp; "more"' })
  })
})

describe('matchers', () => {
  test('are read as amtool reads them', () => {
    expect(parseMatchers('namespace="flux-system", alertname=~"Flux.*",severity!="info" , team!~"a|\\"b\\""')).toEqual([
      { name: 'namespace', value: 'flux-system', isRegex: false, isEqual: true },
      { name: 'alertname', value: 'Flux.*', isRegex: true, isEqual: true },
      { name: 'severity', value: 'info', isRegex: false, isEqual: false },
      { name: 'team', value: 'a|"b"', isRegex: true, isEqual: false },
    ])
  })

  test.each([
    ['namespace=flux-system', '"namespace=flux-system" is not a matcher'],
    ['namespace="a" alertname="b"', '"namespace="a" alertname="b"" is not a matcher'],
    ['alertname=~"("', '"(" is not a regular expression'],
    ['alertname=~".*"', 'it would silence every alert'],
    ['severity!="info"', 'it would silence every alert'],
    [' ', 'it would silence every alert'],
  ])('%s is refused', (text, why) => {
    expect(() => parseMatchers(text)).toThrow(`ALERTMANAGER_MATCHERS cannot be used: ${why} (${text})`)
  })
})

const there = '{"startsAt":"2026-11-24T22:00:00.000Z","status":{"state":"active"}}'

interface ReceivedCall {
  readonly request: string
  readonly authorization: string | undefined
  readonly body: string
}

let server: Server
let origin: string
let seen: ReceivedCall[]
let status: number

beforeEach(async () => {
  seen = []
  status = 200
  const note = async (request: IncomingMessage): Promise<void> => {
    const { method, url, headers } = request
    seen.push({ request: `${method} ${url}`, authorization: headers.authorization, body: await text(request) })
  }
  server = createServer((request, response) => {
    const answer = request.method === 'GET' ? there : '{"silenceID":"one"}'
    void note(request).then(() => response.writeHead(status).end(status === 200 ? answer : 'no_service'))
  })
  origin = `http://127.0.0.1:${await listenOn(server, 0)}`
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

const memoryOf = (notes: Record<string, unknown>): RunState => ({
  read: () => notes,
  write: (more) => void Object.assign(notes, more),
  folder: () => '/nowhere',
})

const opened = (settings: Settings) => {
  const redactor = createRedactor()
  const { console, lines } = recordingConsole()
  return { announcer: openAnnouncer(settings, 'infra', redactor, console), lines, redactor }
}

describe('an announcer', () => {
  test('posts what it is given, without the secrets in it', async () => {
    const { announcer, lines, redactor } = opened({ SLACK_WEBHOOK_URL: `${origin}/services/T0/B0/canary` })
    redactor.hide('the-password')
    await announcer.say('► the-password opens it')
    expect(seen).toEqual([{ request: 'POST /services/T0/B0/canary', authorization: undefined, body: '{"text":"► *** opens it"}' }])
    expect(lines).toEqual([])
    expect(announcer.intent).toEqual(['start, milestones and end are posted to the webhook of SLACK_WEBHOOK_URL'])
  })

  test('says and silences nothing where the settings name nobody', async () => {
    const { announcer, lines } = opened({})
    const notes = {}
    await announcer.say('hello')
    await (await announcer.silence(memoryOf(notes), 'a rebuild')).end()
    expect({ seen, lines, notes, intent: announcer.intent }).toEqual({ seen: [], lines: [], notes: {}, intent: [] })
  })

  test('warns of a webhook that refuses or is gone, naming what was not sent and never the URL', async () => {
    status = 404
    const { announcer, lines, redactor } = opened({ SLACK_WEBHOOK_URL: `${origin}/services/T0/B0/canary?token=another` })
    await announcer.say('✔ rebuild of infra ended done\nmore')
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await announcer.say('◎ reached')
    const reported = 'the webhook of SLACK_WEBHOOK_URL did not get'
    expect(lines).toEqual([
      `⚠ ${reported} "✔ rebuild of infra ended done": it answers 404 no_service`,
      expect.stringMatching(`^⚠ ${reported} "◎ reached": .*ECONNREFUSED`),
    ])
    expect(lines.join()).not.toContain('canary')
    expect(redactor.clean('POST /services/T0/B0/canary')).toBe('POST ***')
    expect(redactor.clean('with ?token=another')).toBe('with ***')
  })

  test('logs in to Alertmanager below its own path, and silences what the settings say for this cluster', async () => {
    const login = { ALERTMANAGER_USERNAME: 'flux', ALERTMANAGER_PASSWORD: 'canary' }
    const { announcer, lines } = opened({
      ...login,
      ALERTMANAGER_URL: `${origin}/alerts/`,
      ALERTMANAGER_MATCHERS: 'namespace="flux-system", cluster="CLUSTER"',
    })
    const notes = {}
    const before = Date.now()
    await announcer.silence(memoryOf(notes), 'rebuild of infra')
    const authorization = `Basic ${Buffer.from('flux:canary').toString('base64')}`
    expect(seen).toMatchObject([{ request: 'POST /alerts/api/v2/silences', authorization }])
    const made: unknown = JSON.parse(seen[0]?.body ?? '')
    expect(made).toMatchObject({
      matchers: [
        { name: 'namespace', value: 'flux-system', isRegex: false, isEqual: true },
        { name: 'cluster', value: 'infra', isRegex: false, isEqual: true },
      ],
      createdBy: expect.stringMatching(/^flux-runbook, \w+@/),
      comment: 'rebuild of infra',
    })
    const endsAt = Date.parse(/"endsAt":"([^"]+)"/.exec(seen[0]?.body ?? '')?.[1] ?? '')
    expect(endsAt - before).toBeGreaterThanOrEqual(5 * 60_000)
    expect(notes).toEqual({ silence: { id: 'one' } })
    expect(lines).toEqual([])
  })

  test('renews its silence by itself until it is ended', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const { announcer, lines } = opened({ ALERTMANAGER_URL: origin })
    const silence = await announcer.silence(memoryOf({}), 'rebuild of infra')
    vi.advanceTimersByTime(100_000)
    await vi.waitUntil(() => seen.length === 3, { timeout: 20_000 })
    expect(JSON.parse(seen[2]?.body ?? '')).toMatchObject({ id: 'one', startsAt: '2026-11-24T22:00:00.000Z' })
    await silence.end()
    vi.advanceTimersByTime(1_000_000)
    vi.useRealTimers()
    expect(seen.map(({ request }) => request.replace('/api/v2', ''))).toEqual([
      'POST /silences',
      'GET /silence/one',
      'POST /silences',
      'GET /silence/one',
      'DELETE /silence/one',
    ])
    expect(lines).toEqual([])
  })

  test('continues without an Alertmanager that refuses', async () => {
    status = 403
    const { announcer, lines } = opened({ ALERTMANAGER_URL: origin })
    const notes = {}
    await announcer.silence(memoryOf(notes), 'rebuild of infra')
    expect(lines).toEqual([`⚠ alerts are not silenced at ${new URL(origin).host}: it answers 403 no_service`])
    expect(notes).toEqual({})
  })

  test.each<[Settings, string]>([
    [{ SLACK_WEBHOOK_URL: 'hooks.slack.com/services/x' }, 'SLACK_WEBHOOK_URL is not a http or https URL'],
    [{ ALERTMANAGER_URL: 'alertmanager:9093' }, 'ALERTMANAGER_URL is not a http or https URL'],
    [{ ALERTMANAGER_URL: 'https://ann:secret@alerts.example.com' }, 'ALERTMANAGER_URL holds a login'],
    [
      { ALERTMANAGER_URL: 'https://alerts.example.com', ALERTMANAGER_USERNAME: 'ann' },
      'ALERTMANAGER_USERNAME is set without the other half of the login',
    ],
  ])('refuses settings that cannot be meant: %o', (settings, message) => {
    expect(() => opened(settings)).toThrow(message)
  })
})

describe('the step that notifies people', () => {
  /** What the step finds once it was carried out, and what its run says meanwhile. */
  async function announced(settings: Settings): Promise<{ status: StepStatus; lines: readonly string[] }> {
    const { announcer, lines } = opened(settings)
    const announce = announceStart(announcer, (held) => onTestFinished(held.end))
    const { run, result } = stage([announce], given, undefined, {}, { world: { memory: memoryOf({}) } })
    await result
    return { status: await announce.check(run), lines }
  }

  test('says what was sent, and to whom nothing could be', async () => {
    const both = { SLACK_WEBHOOK_URL: `${origin}/services/T0/B0/canary`, ALERTMANAGER_URL: origin }
    const sent = await announced(both)
    expect(sent).toEqual({ status: { is: 'done', detail: 'posted to the webhook; alerts are silenced' }, lines: [] })
    expect(seen.at(-1)?.body).toContain('are silenced until it ends or dies')
    status = 500
    const failed = await announced(both)
    const detail = 'the webhook did not get it; alerts are not silenced'
    expect(failed.status).toEqual({ is: 'done', isSkipped: true, detail })
    expect(failed.lines).toHaveLength(2)
    expect(seen.at(-1)?.body).not.toContain('silenced')
  })
  test('is skipped where the settings name nobody', async () => {
    expect((await announced({})).status).toMatchObject({ is: 'done', isSkipped: true, detail: expect.stringContaining('nobody to notify') })
  })
})
