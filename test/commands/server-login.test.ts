import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { listenOn } from '../../lab/ports.ts'
import { createRedactor } from '../../lib/base/redactor.ts'
import { openSession } from '../../lib/connection/session.ts'
import { createConsole } from '../../lib/terminal/console.ts'
import { selfSigned } from '../unit/self-signed.ts'

test("a login in the server's URL is neither shown nor kept: run.json, captures and reports have the URL", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'server-login-'))
  const { cert, key } = selfSigned('localhost')
  const server = createServer({ cert, key }, (_, response) => {
    response.end(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system', uid: 'one' } }))
  })
  const port = await listenOn(server, 0)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true })
  })
  const kubeconfig = join(folder, 'config')
  const cluster = { server: `https://me:hunter2@localhost:${port}`, 'certificate-authority-data': Buffer.from(cert).toString('base64') }
  const config = {
    contexts: [{ name: 'infra', context: { cluster: 'infra', user: 'me' } }],
    clusters: [{ name: 'infra', cluster }],
    users: [{ name: 'me', user: { token: 'a-token' } }],
  }
  writeFileSync(kubeconfig, JSON.stringify(config))
  const redactor = createRedactor()
  const session = await openSession({
    tools: { kubectl: process.execPath, helm: process.execPath, flux: undefined },
    registry: {},
    context: 'infra',
    kubeconfig,
    console: createConsole({ clean: redactor.clean }),
    timeout: 1000,
    redactor,
    signal: new AbortController().signal,
  })
  await session.close()
  expect(session.access.server).toBe(`https://***@localhost:${port}`)
})
