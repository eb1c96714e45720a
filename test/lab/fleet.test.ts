import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { type Fleet, fleetDocument, fleetIn } from './fleet.ts'
import { startLab, type TestLab } from './harness.ts'

let lab: TestLab
let fleet: Fleet

beforeAll(async () => {
  lab = await startLab(['infra', 'apps']) // nothing of Flux on them: the probe `api` is content, others are not
  fleet = fleetIn(lab)
})
afterAll(async () => {
  fleet.remove()
  await lab.close()
})

const clusters = `clusters:
  - {name: infra, context: lab-infra, wave: canary}
  - {name: apps, context: lab-apps, wave: rest}
`
const waves = `${clusters}waves:
  - name: canary
  - {name: rest, parallel: 2}
`

const kubeconfigSchema = v.looseObject({ contexts: v.array(v.unknown()) })

describe('one command on two clusters, in two waves', () => {
  test('succeeds: the document, the reports, and what is left of it', async () => {
    const ended = await fleet.run(['health-check', '--only', 'api', '--json'], waves)
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    const document = fleetDocument(ended)
    const done = (name: string) => ({ name, outcome: 'done', exitCode: 0, runId: expect.stringMatching(/Z-health-check$/) })
    expect(document).toMatchObject({
      schemaVersion: 1,
      script: 'fleet',
      command: 'health-check',
      engine: 'local',
      outcome: 'done',
      exitCode: 0,
      waves: [
        { name: 'canary', clusters: [done('infra')] },
        { name: 'rest', clusters: [done('apps')] },
      ],
    })
    expect(ended.stderr.match(/^[►✔] .*$/gm)).toEqual([
      '► canary/infra: health-check',
      '✔ canary/infra: done',
      '► rest/apps: health-check',
      '✔ rest/apps: done',
      expect.stringMatching(/^✔ canary\/infra: done/),
      expect.stringMatching(/^✔ rest\/apps: done/),
      expect.stringMatching(/^✔ fleet health-check: 2 done \(/),
    ])
    const folder = join(lab.home, 'runs', '+fleet', document.runId ?? '')
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile())
    expect(files.map(({ name }) => name).sort()).toEqual(['fleet.json', 'fleet.yaml', 'log.txt', 'report.html', 'report.json', 'report.md'])
    for (const { name } of files) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
    expect(readFileSync(join(folder, 'report.md'), 'utf8')).toContain('# fleet health-check: done\n\n2 done\n')
    expect(readFileSync(join(folder, 'clusters', 'apps.log'), 'utf8')).toContain('✔ Kubernetes API')

    const status = await lab.run('fleet', ['status', '--lab'])
    expect(status, status.stderr).toMatchObject({ code: 0 })
    expect(status.stdout).toContain(`Fleet health-check, run ${document.runId}: done; 2 done\n`)
  })

  test('a cluster that fails begins no further one; the run that is resumed begins with it again', async () => {
    const ended = await fleet.run(['health-check', '--only', 'api,instance', '--json'], waves)
    expect(ended, ended.stderr).toMatchObject({ code: 1 })
    const {
      outcome,
      runId = '',
      waves: [canary, rest],
      error,
    } = fleetDocument(ended)
    expect({ outcome, canary, rest }).toMatchObject({
      outcome: 'failed',
      canary: { clusters: [{ name: 'infra', outcome: 'failed', exitCode: 1 }] },
      rest: { clusters: [{ name: 'apps', outcome: 'not-started', exitCode: null, runId: null, startedAt: null, durationMs: null }] },
    })
    expect(error).toEqual({
      message:
        '1 of 1 clusters of the wave canary failed, more than its maxFailures, 0: no further cluster was started; 1 failed, 1 not-started',
      remedy: `once the cause is fixed, to resume it: npx zx scripts/fleet.ts --resume ${runId} --lab`,
    })
    const again = await lab.run('fleet', ['--resume', runId, '--lab', '--json'])
    expect(again, again.stderr).toMatchObject({ code: 1 })
    expect(fleetDocument(again)).toMatchObject({
      runId,
      waves: [{ clusters: [{ outcome: 'failed' }] }, { clusters: [{ outcome: 'not-started' }] }],
    })
    expect(readFileSync(join(lab.home, 'runs', '+fleet', runId, 'clusters', 'infra.log'), 'utf8').match(/✔ Kubernetes API/g)).toHaveLength(
      2,
    )
  })

  test('a failure that is tolerated is listed; one after the soak counts with it', async () => {
    const tolerant = `${clusters}waves:\n  - {name: canary, maxFailures: 1}\n  - {name: rest, soak: 10ms}\n`
    const ended = await fleet.run(['health-check', '--only', 'api', '--json', '--wave', 'rest'], tolerant)
    expect(ended, ended.stderr).toMatchObject({ code: 1 })
    expect(fleetDocument(ended).waves).toMatchObject([
      { name: 'rest', clusters: [{ name: 'apps', outcome: 'failed', exitCode: 1, health: { outcome: 'failed', exitCode: 1 } }] },
    ])
    const listed = await fleet.run(['health-check', '--only', 'instance', '--json', '--wave', 'canary'], tolerant)
    expect(listed, listed.stderr).toMatchObject({ code: 0 })
    expect(fleetDocument(listed)).toMatchObject({ outcome: 'done', waves: [{ clusters: [{ outcome: 'failed', exitCode: 1 }] }] })
  })

  test('one that was killed is resumed, and what was done is not done twice', async () => {
    const running = fleet.start(['health-check', '--only', 'api'], waves)
    await running.said('✔ canary/infra: done')
    running.kill('SIGKILL')
    await running.ended
    const status = await lab.run('fleet', ['status', '--lab', '--json'])
    expect(fleetDocument(status)).toMatchObject({ outcome: null, exitCode: null, waves: [{ clusters: [{ outcome: 'done' }] }, {}] })
    const resumed = await lab.run('fleet', ['--resume', '--lab', '--json'])
    expect(resumed, resumed.stderr).toMatchObject({ code: 0 })
    expect(fleetDocument(resumed)).toMatchObject({ outcome: 'done' })
    expect(resumed.stderr).toContain('infra: context lab-infra, https://127.0.0.1:')
    expect(resumed.stderr).not.toContain('► canary/infra')
    expect(resumed.stderr).toContain('► rest/apps: health-check')
    const nothing = await lab.run('fleet', ['--resume', '--lab'])
    expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining('is done: nothing is left to resume') })
  })
})

describe('nothing is started, and everything is said at once', () => {
  test('where FILE is wrong', async () => {
    const wrong = `${clusters}  - {name: infra, context: lab-edge, wave: cannary}\nwaves:\n  - name: canary\n  - {name: rest, soak: soon}\n`
    const ended = await fleet.run(['health-check', '--json'], wrong)
    expect(ended).toMatchObject({ code: 3 })
    const file = fleet.file
    expect(fleetDocument(ended)).toMatchObject({ outcome: 'blocked', exitCode: 3, waves: [] })
    expect(fleetDocument(ended).error?.message).toBe(
      [
        '3 problems with the fleet; nothing was started:',
        `  ${file}:4: the cluster infra is named twice, first in line 2`,
        `  ${file}:4: there is no wave cannary; did you mean canary?`,
        `  ${file}:7: soak must be a duration such as 10m`,
      ].join('\n'),
    )
  })

  test('where a context means another cluster, two mean the same, and one is unknown', async () => {
    const { bin, kubeconfig } = await lab.access()
    const file = join(fleet.folder, 'kubeconfig')
    const config = v.parse(kubeconfigSchema, JSON.parse(readFileSync(kubeconfig, 'utf8')))
    const twin = { name: 'twin', context: { cluster: 'lab-infra', user: 'lab-infra' } }
    writeFileSync(file, JSON.stringify({ ...config, contexts: [...config.contexts, twin] }), { mode: 0o600 })
    const state = join(fleet.folder, 'state')
    const known = join(state, 'flux-runbook', 'lab-apps')
    mkdirSync(known, { recursive: true })
    writeFileSync(join(known, 'cluster.json'), JSON.stringify({ uid: 'old', server: 'https://old' }))
    const uid = async (context: string): Promise<string> =>
      (await (await lab.cluster(context)).get({ ...kinds.namespace, name: 'kube-system' }))?.metadata.uid ?? ''
    const ended = await lab.run(
      'fleet',
      [
        'upgrade',
        '--to',
        '2.9.5',
        '--yes',
        '--json',
        '--kubeconfig',
        file,
        '--fleet',
        fleet.write(`${clusters}  - {name: twin, context: twin, wave: rest}
  - {name: lost, context: nowhere, wave: rest}
waves:
  - name: canary
  - name: rest
`),
      ],
      { XDG_STATE_HOME: state, PATH: `${bin}:${process.env.PATH}` },
    )
    expect(ended, ended.stderr).toMatchObject({ code: 3 })
    const [head, ...findings] = fleetDocument(ended).error?.message.split('\n') ?? []
    expect(head).toBe('3 problems with the fleet; nothing was started:')
    expect(findings).toEqual([
      expect.stringMatching(
        new RegExp(
          `:3: apps: the context lab-apps meant another cluster before: https://old \\(kube-system old\\); now it is https://\\S+ \\(${await uid('lab-apps')}\\)$`,
        ),
      ),
      `  ${fleet.file}:4: twin is the same cluster as infra in line 2: kube-system ${await uid('lab-infra')}`,
      expect.stringContaining(':5: lost: there is no context "nowhere"; there are '),
    ])
    expect(readdirSync(join(state, 'flux-runbook'))).toEqual(['lab-apps'])
  })

  test('where a job lacks a consent, and in a dry run', async () => {
    const refused = await fleet.run(['upgrade', '--to', '2.9.5'], waves)
    expect(refused).toMatchObject({ code: 2 })
    expect(refused.stderr).toContain(`  → npx zx scripts/fleet.ts upgrade --to 2.9.5 --fleet ${fleet.file} --lab --yes\n`)
    const before = readdirSync(join(lab.home, 'runs', '+fleet'))
    const planned = await fleet.run(['upgrade', '--to', '2.9.5', '--dry-run'], waves)
    expect(planned, planned.stderr).toMatchObject({ code: 0 })
    expect(planned.stdout).toContain(
      '  2. rest: 1 cluster, 1 at a time; stops at the first failure\n       apps: context lab-apps, https://127.0.0.1:',
    )
    expect(planned.stdout).toContain('✔ fleet upgrade: planned only, nothing was started (')
    expect(readdirSync(join(lab.home, 'runs', '+fleet'))).toEqual(before)
  })
})
