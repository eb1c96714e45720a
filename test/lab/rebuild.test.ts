import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { text } from 'node:stream/consumers'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { documentOf } from './harness.ts'
import { everything, killRebuild, namespace, openRebuildWorld, type RebuildWorld } from './rebuild-world.ts'

const messages: string[] = []
let webhook: Server
let world: RebuildWorld

beforeAll(async () => {
  webhook = createServer((request, response) => {
    void text(request).then((body) => {
      messages.push(v.parse(v.pipe(v.string(), v.parseJson(), v.object({ text: v.string() })), body).text)
      response.end('ok')
    })
  }).listen(0, '127.0.0.1')
  await once(webhook, 'listening')
  world = await openRebuildWorld()
})
afterAll(async () => {
  webhook.close()
  await world.lab.close()
})

describe('a rebuild', () => {
  test('killed with -9 before, amid and after the teardown continues each time: the same end, and one teardown', async () => {
    expect(await killRebuild(world, (id) => ['rest', 'crds', 'sync'].includes(id))).toBe(3)
  })

  test('with every controller that there is, in one go, with people reported', async () => {
    await world.lab.change('kubernetes/infrastructure/gitops/flux-instance/base/helmrelease.yaml', (yaml) =>
      yaml.replace(
        /( +)- notification-controller\n/,
        '$&$1- image-reflector-controller\n$1- image-automation-controller\n$1- source-watcher\n',
      ),
    )
    const { port } = v.parse(v.object({ port: v.number() }), webhook.address())
    const ended = await world.lab.run('rebuild', [...everything, '--record', '--json'], {
      SLACK_WEBHOOK_URL: `http://127.0.0.1:${port}/secret/token`,
    })
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    expect(documentOf(ended)).toMatchObject({ outcome: 'done', residue: [], survival: { changed: 0, missing: 0 } })
    // Each Kustomization has reconciled by then: none is said to have lost what it is about to apply.
    expect(documentOf(ended).steps.find(({ id }) => id === 'inventories')?.detail).toMatch(/^\d+ are unchanged/)
    const report = readFileSync(/report: (\S+report\.md)/.exec(ended.stderr)?.[1] ?? '', 'utf8')
    expect(report).toMatch(/## The capture\n\nIt holds .*\n\n- file: \S+capture\.age\n- encrypted for age1\w+\n/)
    const deployments = await world.cluster.list(kinds.deployment, { namespace, labels: 'app.kubernetes.io/part-of=flux' })
    expect(deployments.map(({ metadata }) => metadata.name).sort()).toEqual([
      'helm-controller',
      'image-automation-controller',
      'image-reflector-controller',
      'kustomize-controller',
      'notification-controller',
      'source-controller',
      'source-watcher',
    ])
    await world.verifyRebuilt()
    expect(messages[0]).toMatch(/^► rebuild of lab-infra has started, by \S+@\S+ \(run \S+-rebuild\)\./)
    expect(messages.slice(1, 3)).toEqual([
      expect.stringMatching(/^◎ rebuild of lab-infra, after .*: Flux is down, and what it deployed is still running$/),
      expect.stringMatching(/^◎ rebuild of lab-infra, after .*: Flux is back; it was down for /),
    ])
    expect(messages[3]).toMatch(/^✔ rebuild of lab-infra ended done after /)
    expect(ended.stderr + ended.stdout).not.toContain('/secret/token')
    // In Git: when, for how long, and no host name or URL.
    let recorded = ''
    await world.lab.change(`docs/maintenance/${new Date().getUTCFullYear()}.md`, (now) => {
      recorded = now
      return `${now}\n`
    })
    expect(recorded).toMatch(/\n\| \S+Z \| rebuild \| infra \| done \| .* \| \d+ \|\n$/)
    expect(recorded).not.toContain('127.0.0.1')
  })
})
