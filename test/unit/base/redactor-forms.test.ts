import { expect, test } from 'vitest'
import { firstCause } from '../../../lib/base/first-cause.ts'
import { escapeMarkdown } from '../../../lib/base/outside-text.ts'
import { createRedactor } from '../../../lib/base/redactor.ts'
import { shellQuote } from '../../../lib/base/shell-line.ts'
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
