import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { messageOf } from '../../../lib/base/errors.ts'
import { firstCause } from '../../../lib/base/first-cause.ts'
import { beginningOf, escapeHtml, escapeMarkdown, visible } from '../../../lib/base/outside-text.ts'
import { createRedactor } from '../../../lib/base/redactor.ts'
import { shellQuote } from '../../../lib/base/shell-line.ts'
import { send } from '../../../lib/kubernetes/http.ts'
import { describe as describeRun } from '../../../lib/runner/report.ts'

const odd = `_p&a<s> 's"w(o)*rd!_`
const byGo = JSON.stringify(odd).replaceAll('&', '\\u0026').replaceAll('<', '\\u003c').replaceAll('>', '\\u003e')
const inGoUrl = encodeURIComponent(odd).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
test.each<[string, string]>([
  ['in JSON that Go writes', byGo],
  ['in JSON that Go writes, in JSON', JSON.stringify(byGo)],
  ['in the base64 of JSON that Go writes', Buffer.from(`{"a":${byGo}}`).toString('base64')],
  [
    'in HTML that Go writes',
    odd.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&#34;').replaceAll("'", '&#39;'),
  ],
  ['in a query', new URLSearchParams({ a: odd }).toString()],
  ['in a query that Go writes', inGoUrl.replaceAll('%20', '+')],
  ['in a path that Go writes, in small letters', inGoUrl.replace(/%../g, (code) => code.toLowerCase())],
  ['in a line of a shell', shellQuote(odd)],
  ['in YAML', `a: '${odd.replaceAll("'", "''")}'`],
  ['in Markdown', escapeMarkdown(odd)],
  ['in Markdown, beside a letter', escapeMarkdown(`x${odd}.`)],
  ['in Markdown, before a letter', escapeMarkdown(`the login ${odd}s`)],
])('hides a secret %s', (_, text) => {
  const redactor = createRedactor()
  redactor.hide(odd)
  const cleaned = redactor.clean(text)
  expect(cleaned).toContain('***')
  expect(cleaned.length).toBeLessThan(text.length - 14)
})

test('hides a secret that begins as a command of a CI does, where that was broken before', () => {
  const secret = '##vso[task] <is it?>'
  const redactor = createRedactor()
  redactor.hide(secret)
  expect([visible(secret), escapeHtml(secret)].map(redactor.clean)).toEqual(['***', '***'])
})

test('hides a secret in a report', () => {
  const redactor = createRedactor()
  redactor.hide(odd)
  const document = {
    schemaVersion: 1,
    script: 's',
    context: 'c',
    runId: 'r',
    startedAt: '',
    finishedAt: '',
    outcome: 'failed',
    exitCode: 1,
    operator: 'o',
    server: 's',
    error: { message: `no login as ${odd}` },
  } as const
  expect(redactor.clean(describeRun(document))).toContain('no login as ***\n')
})

test('is not led past a secret by a cut', () => {
  const redactor = createRedactor()
  redactor.hide('hunter2-hunter3')
  expect(redactor.clean(firstCause(`${'x '.repeat(196)}hunter2-hunter3 and more`))).not.toContain('hunter')
})

describe('a secret that was cut is hidden', () => {
  const secret = `${odd}-hunter2-hunter3`
  const redactor = createRedactor()
  redactor.hide(secret)

  test.each([
    ['before a mark', (form: string) => `<p>no login as ${form.slice(0, 12)}…)`, '<p>no login as ***…)'],
    ['after a mark', (form: string) => `(…${form.slice(-12)}: no`, '(…***: no'],
    [
      'between two',
      (form: string) => `"...${form.slice(-9)}", "a":${form.slice(0, 9)}..." is not JSON`,
      '"...***", "a":***..." is not JSON',
    ],
  ])('%s', (_, cut, shown) => {
    for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')]) {
      expect(redactor.clean(cut(form))).toBe(shown)
    }
  })
  test('and nothing else', () => {
    const text = 'waiting for the API… which is … on its way...'
    expect(redactor.clean(text)).toBe(text)
  })
  test('in what a server answers', async () => {
    for (const said of [beginningOf(`${'x'.repeat(190)}${secret}`, 200), await refusalOf(502, `${'x'.repeat(190)}${secret}`)]) {
      expect(redactor.clean(said)).toMatch(/x\*\*\*…/)
    }
  })
})

/** What is said of an API that answers so. */
function refusalOf(statusCode: number, body: string): Promise<string> {
  const answer = Object.assign(new IncomingMessage(new Socket()), { statusCode })
  answer.push(body)
  answer.push(null)
  const endpoint = {
    origin: '',
    exchange: () => Promise.resolve(answer),
    close: () => undefined,
    closed: new AbortController().signal,
    now: Date.now,
  }
  return send(endpoint, { method: 'GET', path: '/' }).then(() => '', messageOf)
}
