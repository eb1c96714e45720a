import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { groups, rules } from './flux-rules.ts'
import { promtool } from './monitoring.ts'

const cases = readFileSync('test/lab/flux-alerts.yaml', 'utf8')
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'frb-alerts-'))
  writeFileSync(join(folder, 'rules.yaml'), stringify({ groups }))
  writeFileSync(join(folder, 'cases.yaml'), cases)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test("promtool's unit tests: each alert fires when it must, at that minute, and not else", async () => {
  expect(await promtool(['test', 'rules', 'cases.yaml'], folder)).toEqual({ code: 0, output: '  SUCCESS\n\n' })
})

test('and they would notice an alert that waits too long, or misses what is gone', async () => {
  for (const [from, to] of [
    [/(alert: FluxInstanceNotReady[^]*?for: )10m/, '$115m'],
    [/absent\((up\{namespace="flux-system", component="source-controller"\}) == 1\)/, '($1 == 0)'],
    [/, suspended="False"/g, ''],
  ] as const) {
    const wrong = stringify({ groups }, { lineWidth: 0 }).replace(from, to)
    expect(wrong).not.toBe(stringify({ groups }, { lineWidth: 0 }))
    writeFileSync(join(folder, 'rules.yaml'), wrong)
    expect(await promtool(['test', 'rules', 'cases.yaml'], folder)).toMatchObject({ code: 1 })
  }
})

test('there is a case of each alert firing, and one of it not', () => {
  const caseSchema = v.object({ alertname: v.string(), exp_alerts: v.optional(v.array(v.unknown()), []) })
  const { tests } = v.parse(v.object({ tests: v.array(v.object({ alert_rule_test: v.array(caseSchema) })) }), parse(cases))
  const all = tests.flatMap((one) => one.alert_rule_test)
  const namesWhere = (fires: boolean): Set<string> =>
    new Set(all.filter((one) => one.exp_alerts.length > 0 === fires).map((one) => one.alertname))
  const names = new Set(rules.map(({ alert }) => alert))
  expect({ firing: namesWhere(true), silent: namesWhere(false) }).toEqual({ firing: names, silent: names })
})
