import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { vi } from 'vitest'
import { ensureMonitoring } from '../../lab/build/executables.ts'
import { createPorts } from '../../lab/ports.ts'
import { createConsole } from '../../lib/terminal/console.ts'
import { spawnTied } from '../../lib/process/child-process.ts'

/** A server of the monitoring that runs for a test. */
export interface Monitor {
  readonly url: string
  /** The answer to a GET, parsed. */
  readonly get: (path: string, headers?: Record<string, string>) => Promise<unknown>
  readonly close: () => Promise<void>
}

const programs = ensureMonitoring(createConsole({ clean: (reported) => reported }))

/** The login that the Alertmanager of `startAlertmanager` wants; its configuration has the password as bcrypt makes it. */
export const login = { username: 'flux', password: 'canary-of-alertmanager' }
const bcrypted = '$2a$04$xSkvdCrFh8c0WNBdjUn/g.e76YV.eG3Ev3FFl6twcfVtVrWStIqje'

/** Starts a real Alertmanager that requires a login and notifies no one. */
export async function startAlertmanager(): Promise<Monitor> {
  const { alertmanager } = await programs
  return start(
    { 'alerts.yaml': 'route: {receiver: nobody}\nreceivers: [{name: nobody}]\n', 'web.yaml': `basic_auth_users: {flux: ${bcrypted}}\n` },
    (folder, address) => [
      alertmanager,
      `--config.file=${folder}/alerts.yaml`,
      `--web.config.file=${folder}/web.yaml`,
      `--storage.path=${folder}/data`,
      `--web.listen-address=${address}`,
      '--cluster.listen-address=',
    ],
  )
}

/** Starts a real VictoriaMetrics that scrapes what the configuration says. */
export async function startVictoriaMetrics(scraping: string): Promise<Monitor> {
  const { victoriaMetrics } = await programs
  return start({ 'scrape.yaml': scraping }, (folder, address) => [
    victoriaMetrics,
    `-promscrape.config=${folder}/scrape.yaml`,
    `-storageDataPath=${folder}/data`,
    `-httpListenAddr=${address}`,
    '-search.latencyOffset=0s', // what was just scraped can be asked for
    '-memory.allowedBytes=64MiB',
  ])
}

/** The folder with the CRDs of the Prometheus Operator. */
export async function monitoringCrds(): Promise<string> {
  return (await programs).crds
}

/** Runs promtool in a folder; resolves with all it printed, and how it ended. */
export async function promtool(args: readonly string[], folder: string): Promise<{ code: unknown; output: string }> {
  const { child, ended } = spawnTied([(await programs).promtool, ...args], { env: {}, cwd: folder })
  const printed = [child.stdout, child.stderr].map((stream) => (stream === null ? Promise.resolve('') : text(stream)))
  const output = (await Promise.all(printed)).join('')
  return { code: await ended, output }
}

async function start(files: Record<string, string>, command: (folder: string, address: string) => string[]): Promise<Monitor> {
  const folder = mkdtempSync(join(tmpdir(), 'frb-monitor-'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  const address = `127.0.0.1:${await createPorts(join(folder, 'ports.json')).free('http')}`
  const { child, ended } = spawnTied(command(folder, address), { env: {}, cwd: folder })
  const said = child.stderr === null ? Promise.resolve('') : text(child.stderr)
  child.stdout?.resume()
  const url = `http://${address}`
  let end: unknown
  void ended.then((code) => (end = code))
  const answers = async (): Promise<boolean> => (await fetch(url).catch(() => undefined)) !== undefined
  await vi.waitUntil(async () => end !== undefined || (await answers()), { timeout: 60_000 })
  if (end !== undefined) throw new Error(`it ended at once: ${await said}`)
  return {
    url,
    async get(path, headers = {}) {
      const response = await fetch(`${url}${path}`, { headers })
      if (!response.ok) throw new Error(`${path} answers ${response.status}: ${await response.text()}`)
      return response.json()
    },
    async close() {
      child.kill()
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
