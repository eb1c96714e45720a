import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { FleetCommands } from '../../../../../lib/commands/fleet/fleet-commands.ts'
import { openFleetLog } from '../../../../../lib/commands/fleet/fleet-log.ts'
import { prepareOnKubernetes } from '../../../../../lib/commands/fleet/kubernetes/prepare.ts'
import { createRedactor } from '../../../../../lib/base/redactor.ts'
import { recordingConsole } from '../../../../recording-console.ts'
import { Failing, startApi } from '../../../api-server.ts'

let folder: string
let close = (): void => undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fleet-'))
  vi.stubEnv('FLEET_IMAGE', 'registry.example.com/flux-runbook:1')
})
afterEach(() => {
  close()
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

const namespace = 'flux-runbook'
const commands: FleetCommands = {
  capture: { summary: '', flags: {}, example: '', effectOf: () => 'nothing', isResumable: false, folders: ['out'] },
}
const file = `clusters: [{name: infra, context: c-infra, kubeconfigSecret: infra-kubeconfig, wave: canary}]\nwaves: [{name: canary}]\n`
const resources = {
  resources: [
    { name: 'configmaps', kind: 'ConfigMap', namespaced: true },
    { name: 'secrets', kind: 'Secret', namespaced: true },
  ],
}
const config = {
  clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1', 'insecure-skip-tls-verify': true } }],
  users: [{ name: 'u', user: { token: 'secret-token' } }],
  contexts: [{ name: 'c-infra', context: { cluster: 'c', user: 'u' } }],
}
const secretPath = `/api/v1/namespaces/${namespace}/secrets/infra-kubeconfig`
const secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'infra-kubeconfig' },
  data: { value: Buffer.from(JSON.stringify(config)).toString('base64') },
}

/** Prepares a capture by Jobs, where the API answers so. */
async function prepare(own: Record<string, string>, answers: Record<string, unknown> = { [secretPath]: secret }) {
  const path = join(folder, 'fleet.yaml')
  writeFileSync(path, file)
  const api = await startApi({ '/api/v1': resources, ...answers })
  close = api.close
  const redactor = createRedactor()
  return prepareOnKubernetes(
    { is: 'run', name: 'capture', given: { fleet: path, ...own }, own, shared: { timeout: '5m', kubeconfig: '/home/me/config' } },
    { context: 'm', namespace, cluster: api.cluster, folder, close: () => Promise.resolve() },
    {
      commands,
      console: recordingConsole().console,
      log: openFleetLog(redactor.clean),
      redactor,
      origin: { command: 'capture', startedAt: '2026-11-30T00:00:00.000Z', operator: 'me@here' },
    },
  )
}

test('a run remembers what its pods need, and not where this machine has its kubeconfig', async () => {
  expect(await prepare({ out: 'captures' })).toMatchObject({
    is: 'ready',
    kept: {
      runId: '20261130T000000000Z-fleet-capture',
      content: file,
      run: {
        engine: 'kubernetes',
        kubernetes: { context: 'm', namespace, image: 'registry.example.com/flux-runbook:1', attempt: 1, jobs: [], folders: {} },
        waves: ['canary'],
        own: { out: 'captures' },
        shared: { timeout: '5m' },
        clusters: {},
      },
    },
    seen: [{ server: 'https://127.0.0.1:1', complaint: expect.stringContaining('ECONNREFUSED') }],
  })
})

test('no image is the default: the Jobs hold every kubeconfig', async () => {
  vi.stubEnv('FLEET_IMAGE', '')
  await expect(prepare({})).rejects.toMatchObject({ kind: 'usage', message: 'which image do the Jobs run? FLEET_IMAGE is not set' })
})

test('a folder of this machine is none that pods have', async () => {
  await expect(prepare({ out: '/media/usb' })).rejects.toMatchObject({
    kind: 'usage',
    message: "--out is a folder on the fleet's volume with the engine kubernetes: /media/usb is not",
    remedy: '--out captures',
  })
})

test('who may not read the Secrets hears so before anything is started', async () => {
  await expect(
    prepare({}, { [secretPath]: new Failing(403, JSON.stringify({ kind: 'Status', reason: 'Forbidden', message: 'no' })) }),
  ).rejects.toMatchObject({
    kind: 'blocked',
    message: 'the Secret flux-runbook/infra-kubeconfig cannot be read: no. Nothing was started',
  })
})
