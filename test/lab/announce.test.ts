import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import * as v from 'valibot'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { prolongSilence } from '../../lib/notify/silence.ts'
import { login, type Monitor, startAlertmanager } from './monitoring.ts'

let alertmanager: Monitor
let home: string
const authorization = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'frb-announce-'))
  alertmanager = await startAlertmanager()
})
afterAll(async () => {
  await alertmanager.close()
  rmSync(home, { recursive: true, force: true })
})

const alertsSchema = v.array(v.object({ labels: v.record(v.string(), v.string()), status: v.object({ state: v.string() }) }))
const silenceSchema = v.object({ id: v.string(), endsAt: v.string(), status: v.object({ state: v.string() }), comment: v.string() })

/** The state of each alert that fires, by its namespace. */
async function states(): Promise<Record<string, string>> {
  const alerts = v.parse(alertsSchema, await alertmanager.get('/api/v2/alerts', { authorization }))
  return Object.fromEntries(alerts.map(({ labels, status }) => [labels.namespace, status.state]))
}

async function silences(): Promise<v.InferOutput<typeof silenceSchema>[]> {
  return v.parse(v.array(silenceSchema), await alertmanager.get('/api/v2/silences', { authorization }))
}

/** Starts a run that silences alerts; tells the id of its silence once it has one. */
async function startRun(): Promise<{ child: ChildProcess; id: string }> {
  const child = spawn(process.execPath, ['--import=./lib/loader/run-typescript.mjs', 'test/lab/announce-run.ts', home], {
    env: {
      PATH: process.env.PATH,
      ALERTMANAGER_URL: alertmanager.url,
      ALERTMANAGER_USERNAME: login.username,
      ALERTMANAGER_PASSWORD: login.password,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [line]: unknown[] = await once(createInterface({ input: child.stdout }), 'line')
  const notes = v.parse(v.pipe(v.string(), v.parseJson(), v.object({ silence: v.object({ id: v.string() }) })), line)
  return { child, id: notes.silence.id }
}

test('a real Alertmanager keeps still while a run lives, expires after kill -9, and uses one silence when it is resumed', async () => {
  const alerts = ['flux-system', 'shop'].map((namespace) => ({ labels: { alertname: 'Broken', namespace } }))
  const fired = await fetch(`${alertmanager.url}/api/v2/alerts`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify(alerts),
  })
  expect(fired.status).toBe(200)
  await expect.poll(states).toEqual({ 'flux-system': 'active', shop: 'active' })

  const killed = await startRun()
  await expect.poll(states).toEqual({ 'flux-system': 'suppressed', shop: 'active' })
  killed.child.kill('SIGKILL')
  await once(killed.child, 'exit')
  const died = Date.now()
  const [left] = await silences()
  expect(left).toMatchObject({ id: killed.id, comment: 'rebuild of infra', status: { state: 'active' } })
  const endsAt = Date.parse(left?.endsAt ?? '')
  expect(endsAt).toBeGreaterThan(died) // nobody ends it, and
  expect(endsAt).toBeLessThanOrEqual(died + 5 * 60_000) // nobody renews it: Alertmanager ends it then

  const resumed = await startRun()
  expect(resumed.id).toBe(killed.id)
  const [renewed, ...others] = await silences()
  expect(others).toEqual([])
  expect(Date.parse(renewed?.endsAt ?? '')).toBeGreaterThan(endsAt)
  resumed.child.stdin?.write('end\n')
  await once(resumed.child, 'exit')
  expect(await silences()).toMatchObject([{ id: killed.id, status: { state: 'expired' } }])
  await expect.poll(states).toEqual({ 'flux-system': 'active', shop: 'active' })

  const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const kept = files.map((file) => readFileSync(join(file.parentPath, file.name), 'utf8')).join()
  expect(kept).toContain(killed.id)
  expect(kept).not.toContain(login.password)
})

test('a silence that nobody renews is seen to expire; the next is a new one', async () => {
  const notes: Record<string, unknown> = {}
  const memory = { read: () => notes, write: (more: object) => void Object.assign(notes, more), folder: () => home }
  const matchers = [{ name: 'namespace', value: 'flux-system', isRegex: false, isEqual: true }]
  const prolong = (): Promise<void> =>
    prolongSilence({ url: new URL(alertmanager.url), authorization, caFile: undefined }, memory, {
      matchers,
      createdBy: 'a test',
      comment: 'short',
      lasts: 1500,
    })
  await prolong()
  const first = notes.silence
  await expect.poll(states).toMatchObject({ 'flux-system': 'suppressed' })
  await expect.poll(states, { timeout: 60_000 }).toMatchObject({ 'flux-system': 'active' })
  await prolong()
  expect(notes.silence).not.toEqual(first)
})
