import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fleetDocument } from './fleet.ts'
import { type JobFleet, jobFleetIn } from './fleet-jobs.ts'
import { startLab, type TestLab } from './harness.ts'

let lab: TestLab
let fleet: JobFleet

beforeAll(async () => {
  lab = await startLab(['infra', 'apps']) // nothing of Flux on them: the probe `api` is content, others are not
  fleet = await jobFleetIn(lab, ['infra', 'apps'])
})
afterAll(async () => {
  fleet.remove()
  await lab.close()
})

const clusters = `clusters:
  - {name: infra, context: c-infra, kubeconfigSecret: infra-kubeconfig, wave: canary}
  - {name: apps, context: c-apps, kubeconfigSecret: apps-kubeconfig, wave: rest}
`

test('Jobs work on two clusters in two waves; the terminal says what they come to, and all of it is kept', async () => {
  const ended = await fleet.runFile(
    ['health-check', '--only', 'api', '--json'],
    `${clusters}waves: [{name: canary}, {name: rest, maxFailures: 1}]\n`,
  )
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  const done = (name: string) => ({ name, outcome: 'done', exitCode: 0, runId: expect.stringMatching(/Z-health-check$/) })
  const document = fleetDocument(ended)
  expect(document).toMatchObject({
    engine: 'kubernetes',
    outcome: 'done',
    waves: [
      { name: 'canary', clusters: [done('infra')] },
      { name: 'rest', clusters: [done('apps')] },
    ],
  })
  expect(ended.stderr.match(/^[►✔] (canary|rest)\/\w+: [a-z-]+$/gm)).toEqual([
    '► canary/infra: health-check',
    '✔ canary/infra: done',
    '► rest/apps: health-check',
    '✔ rest/apps: done',
  ])
  const runId = document.runId ?? ''
  expect(readFileSync(fleet.onVolume('+fleet', runId, 'report.md'), 'utf8')).toContain('# fleet health-check: done\n\n2 done\n')
  expect(readFileSync(fleet.onVolume('+fleet', runId, 'clusters', 'apps.log'), 'utf8')).toContain('✔ Kubernetes API')
  // The terminal uses the run's last word, which its conductor says before it ends.
  await fleet.kubectl('wait', 'jobs', '--all', '--for=condition=Complete', '--timeout=60s')
  const jobs = '{range .items[*]}{.spec.completionMode} {.status.succeeded} {.metadata.ownerReferences[*].kind}{"\\n"}{end}'
  expect(
    (await fleet.kubectl('get', 'jobs', '--output', `jsonpath=${jobs}`))
      .trim()
      .split('\n')
      .map((line) => line.trim())
      .sort(),
  ).toEqual(['Indexed 1 Job', 'Indexed 1 Job', 'NonIndexed 1'])
  const status = await fleet.run(['status', '--on', 'lab-infra'])
  expect(status, status.stderr).toMatchObject({ code: 0 })
  expect(status.stdout).toContain(`Fleet health-check, run ${runId}: done; 2 done\n`)
})

test('all that blocks the run is said at once, and nothing is started', async () => {
  const before = await fleet.kubectl('get', 'jobs', '--output', 'name')
  const known = { context: 'c-moved', uid: 'old', server: 'https://old' }
  await fleet.kubectl('delete', 'configmap', 'flux-runbook-clusters', '--ignore-not-found')
  await fleet.kubectl('create', 'configmap', 'flux-runbook-clusters', `--from-literal=moved=${JSON.stringify(known)}`)
  const ended = await fleet.runFile(
    ['upgrade', '--to', '2.9.5', '--yes', '--json'],
    `clusters:
  - {name: moved, context: c-moved, kubeconfigSecret: apps-kubeconfig, wave: canary}
  - {name: edge, context: c-apps, kubeconfigSecret: apps-kubeconfig, wave: rest}
  - {name: edge, context: c-edge, kubeconfigSecret: infra-kubeconfig, wave: rest}
  - {name: lost, context: c-lost, kubeconfigSecret: lost-kubeconfig, wave: rst}
waves: [{name: canary}, {name: rest}]
`,
  )
  expect(ended, ended.stderr).toMatchObject({ code: 3 })
  expect(fleetDocument(ended).error?.message).toMatch(
    new RegExp(
      [
        '^5 problems with the fleet; nothing was started:',
        `  ${fleet.file}:2: moved: the context c-moved meant another cluster before: https://old \\(kube-system old\\); now it is https://\\S+ \\(\\S+\\)`,
        `  ${fleet.file}:3: edge is the same cluster as moved in line 2: kube-system [0-9a-f-]+`,
        `  ${fleet.file}:4: the cluster edge is named twice, first in line 3`,
        `  ${fleet.file}:5: there is no wave rst; did you mean rest\\?`,
        `  ${fleet.file}:5: lost: there is no Secret flux-runbook/lost-kubeconfig with an entry "value"$`,
      ].join('\n'),
    ),
  )
  expect(await fleet.kubectl('get', 'jobs', '--output', 'name')).toBe(before)
})
