import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster } from '../../lib/cluster/cluster.ts'
import { kinds } from '../../lib/cluster/objects.ts'
import { foreignManagers } from '../../lib/steps/verify-flux.ts'
import { takeFingerprint } from '../../lib/survival/fingerprint.ts'
import { documentOf, startLab, type TestLab } from './harness.ts'
import { deployWorkloads, makeFluxObjects, shop } from './workloads.ts'

const namespace = 'flux-system'
const suspended = { ...kinds.helmRelease, namespace: shop, name: 'plain' }
const everything = ['--lab', '--yes', '--destroy=lab-infra']
const messages: string[] = []
let webhook: Server
let lab: TestLab
let cluster: Cluster
let before: string[]

beforeAll(async () => {
  webhook = createServer((request, response) => {
    void text(request).then((body) => {
      messages.push(v.parse(v.pipe(v.string(), v.parseJson(), v.object({ text: v.string() })), body).text)
      response.end('ok')
    })
  }).listen(0, '127.0.0.1')
  await once(webhook, 'listening')
  lab = await startLab(['infra'])
  const ended = await lab.run('bootstrap', ['--lab', '--yes'])
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  cluster = await lab.cluster('lab-infra')
  await deployWorkloads(lab, cluster)
  await makeFluxObjects(cluster, 2, 4)
  const { bin, kubeconfig } = await lab.access()
  const env = { KUBECONFIG: kubeconfig, HOME: lab.home }
  execFileSync(join(bin, 'flux'), ['suspend', 'helmrelease', 'plain', '--namespace', shop, '--context=lab-infra'], { env, stdio: 'pipe' })
  before = await alive()
})
afterAll(async () => {
  webhook.close()
  await lab.close()
})

/** Workloads, Services and claims that stand for themselves, by UID; releases gain a revision. */
async function alive(): Promise<string[]> {
  const fingerprint = await takeFingerprint(cluster, namespace)
  return fingerprint.filter(({ isOwned, name }) => !isOwned && !name.startsWith('Helm release')).map(({ name, uid }) => `${name} ${uid}`)
}

async function revisions(release: string): Promise<string[]> {
  const secrets = await cluster.list(kinds.secret, { labels: `owner=helm,name=${release}` })
  return secrets.map(({ metadata }) => metadata.labels.version ?? '').sort()
}

async function uidOfNamespace(): Promise<string | undefined> {
  return (await cluster.get({ ...kinds.namespace, name: namespace }))?.metadata.uid
}

async function verifyRebuilt(): Promise<void> {
  expect(await alive()).toEqual(before)
  expect(await foreignManagers(cluster, namespace)).toEqual([])
  // What somebody had suspended is suspended, and helm-controller has never touched it.
  expect((await cluster.get(suspended))?.spec).toMatchObject({ suspend: true })
  expect(await revisions('plain')).toEqual(['1'])
  // What nothing else would have brought back.
  expect(await cluster.get({ ...kinds.gitRepository, namespace: 'tenant-1', name: 'object-0' })).toBeDefined()
}

describe('a rebuild', () => {
  test('killed with -9 after every single step goes on each time: the same end, and one teardown', async () => {
    const planned = documentOf(await lab.run('rebuild', ['--lab', '--dry-run', '--json']))
    const titles = planned.steps.map(({ title }) => v.parse(v.string(), title))
    expect(titles.length).toBeGreaterThan(25)
    const namespaces = new Set<string | undefined>([await uidOfNamespace()])
    // A run that had nothing to do yet is no run: nobody goes on with it.
    const first = planned.steps.findIndex(({ state }) => state === 'planned')
    for (const [at, title] of titles.slice(first, -1).entries()) {
      const running = lab.start('rebuild', [...everything, ...(at > 0 ? ['--resume'] : [])])
      await running.said(`✔ ${title}`)
      running.kill('SIGKILL')
      await running.ended
      namespaces.add(await uidOfNamespace())
    }
    const last = await lab.run('rebuild', [...everything, '--resume', '--json'])
    expect(last, last.stderr).toMatchObject({ code: 0 })
    expect(documentOf(last)).toMatchObject({ outcome: 'done', residue: [], survival: { changed: 0, missing: 0 } })
    expect(last.stderr).not.toContain('Delete the namespace')
    // The first one, perhaps none for a while, and the new one: never a third.
    expect([...namespaces].filter((uid) => uid !== undefined)).toHaveLength(2)
    await verifyRebuilt()
    expect(await revisions('hooked')).toEqual(['1', '2'])
    expect(await revisions('elsewhere-far')).toEqual(['1', '2'])
  }, 900_000)

  test('with six controllers, in one go, with people told', async () => {
    await lab.change('kubernetes/infrastructure/gitops/flux-instance/base/helmrelease.yaml', (yaml) =>
      yaml.replace(/( +)- notification-controller\n/, '$&$1- image-reflector-controller\n$1- image-automation-controller\n'),
    )
    const { port } = v.parse(v.object({ port: v.number() }), webhook.address())
    const ended = await lab.run('rebuild', [...everything, '--record', '--json'], {
      SLACK_WEBHOOK_URL: `http://127.0.0.1:${port}/secret/token`,
    })
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    expect(documentOf(ended)).toMatchObject({ outcome: 'done', residue: [], survival: { changed: 0, missing: 0 } })
    const deployments = await cluster.list(kinds.deployment, { namespace, labels: 'app.kubernetes.io/part-of=flux' })
    expect(deployments.map(({ metadata }) => metadata.name).sort()).toEqual([
      'helm-controller',
      'image-automation-controller',
      'image-reflector-controller',
      'kustomize-controller',
      'notification-controller',
      'source-controller',
    ])
    await verifyRebuilt()
    expect(messages[0]).toMatch(/^► rebuild of lab-infra has started, by \S+@\S+ \(run \S+-rebuild\)\./)
    expect(messages.slice(1, 3)).toEqual([
      expect.stringMatching(/^◎ rebuild of lab-infra, after .*: Flux is down, and what it had deployed is alive$/),
      expect.stringMatching(/^◎ rebuild of lab-infra, after .*: Flux is back; it was away for /),
    ])
    expect(messages[3]).toMatch(/^✔ rebuild of lab-infra ended done after /)
    expect(ended.stderr + ended.stdout).not.toContain('/secret/token')
    // In Git: when, for how long, and no host name or URL.
    let recorded = ''
    await lab.change(`docs/maintenance/${new Date().getUTCFullYear()}.md`, (now) => {
      recorded = now
      return `${now}\n`
    })
    expect(recorded).toMatch(/\n\| \S+Z \| rebuild \| infra \| done \| .* \| \d+ \|\n$/)
    expect(recorded).not.toContain('127.0.0.1')
  })
})
