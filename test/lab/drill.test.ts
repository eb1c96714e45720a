import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { recordCluster } from '../../lib/runner/run-store.ts'
import { type Ended, startLab, type TestLab } from './harness.ts'

let lab: TestLab
let infra: Cluster

beforeAll(async () => {
  lab = await startLab(['infra'])
  infra = await lab.cluster('lab-infra')
})
afterAll(() => lab.close())

const documentSchema = v.object({
  outcome: v.string(),
  exitCode: v.number(),
  scenarios: v.array(
    v.object({
      name: v.string(),
      recoveredMs: v.nullable(v.number()),
      detectedMs: v.nullable(v.number()),
      objectiveMs: v.number(),
      met: v.boolean(),
      survival: v.object({ checked: v.number(), changed: v.number(), missing: v.number() }),
    }),
  ),
})
const documentOf = (text: string): v.InferOutput<typeof documentSchema> => v.parse(v.pipe(v.string(), v.parseJson(), documentSchema), text)

/** The run's three reports. */
function reportsOf({ stderr }: Ended): { json: string; markdown: string; page: string } {
  const markdown = /^report: (.*)$/m.exec(stderr.slice(stderr.lastIndexOf('report: ')))?.[1] ?? ''
  const read = (name: string): string => readFileSync(join(dirname(markdown), name), 'utf8')
  return { json: read('report.json'), markdown: read('report.md'), page: read('report.html') }
}

test('an unknown scenario is a usage error, and a dry run breaks nothing', async () => {
  const wrong = await lab.run('drill', ['--lab', '--scenario', 'git-gon'])
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('there is no scenario "git-gon"; did you mean git-gone?')])
  const plan = await lab.run('drill', ['--lab', '--scenario', 'all', '--dry-run', '--json'])
  expect(plan.code).toBe(0)
  expect(documentOf(plan.stdout)).toMatchObject({ outcome: 'planned', scenarios: [] })
  expect(plan.stderr).toContain('The whole cluster lost: replaces the cluster by a new, empty one; objective 15 m 00 s')
  expect(await infra.get({ ...kinds.namespace, name: 'flux-system' })).toBeUndefined()
})

test('a context that means another cluster than before is not broken', async () => {
  const { bin, kubeconfig } = await lab.access()
  const state = mkdtempSync(join(tmpdir(), 'frb-drill-'))
  onTestFinished(() => rmSync(state, { recursive: true, force: true }))
  recordCluster(join(state, 'flux-runbook'), 'lab-infra', { uid: 'old', server: 'https://old' })
  const ended = await lab.run(
    'drill',
    ['--context', 'lab-infra', '--cluster', 'infra', '--kubeconfig', kubeconfig, '--scenario', 'operator-deleted', '--destroy=lab-infra'],
    { XDG_STATE_HOME: state, PATH: `${bin}:${process.env.PATH}` },
  )
  expect(ended.code, ended.stderr).toBe(3)
  expect(ended.stderr).toContain('the context lab-infra meant another cluster before: https://old (kube-system old); now it is https://')
  expect(readdirSync(join(state, 'flux-runbook', 'lab-infra'))).toEqual(['cluster.json'])
})

test('disasters are rehearsed one after the other, from an empty lab on; workloads survive, and the three reports agree', async () => {
  const ended = await lab.run('drill', [
    '--lab',
    '--scenario',
    'upgrade-broken,release-stuck,operator-and-controllers-deleted,git-gone,cluster-emptied',
    '--json',
  ])
  expect(ended.code, ended.stderr).toBe(0)
  const { outcome, scenarios } = documentOf(ended.stdout)
  expect(outcome).toBe('done')
  expect(scenarios.map(({ name, met }) => `${name} ${met}`)).toEqual([
    'upgrade-broken true',
    'release-stuck true',
    'operator-and-controllers-deleted true',
    'git-gone true',
    'cluster-emptied true',
  ])
  for (const { detectedMs, recoveredMs } of scenarios) expect(detectedMs).toBeLessThan(recoveredMs ?? 0)
  for (const { detectedMs } of scenarios) expect(detectedMs).not.toBeNull()
  // The Service of the API itself, and what Flux deployed for the drill; a cluster that is recreated has nothing to compare.
  expect(scenarios.map(({ survival }) => survival)).toEqual([4, 4, 4, 4, 0].map((checked) => ({ checked, changed: 0, missing: 0 })))
  const { json, markdown, page } = reportsOf(ended)
  expect(documentOf(json)).toEqual(documentOf(ended.stdout))
  expect(page).toContain('5 of 5 objectives met')
  for (const { name } of scenarios) expect(page).toContain(name)
  expect(markdown.match(/^\| .* \| met \|/gm)).toHaveLength(5)
})

test('an objective that is missed fails the drill, and says which', async () => {
  const ended = await lab.run('drill', ['--lab', '--scenario', 'git-credentials-gone', '--objective', '1ms', '--json'])
  expect(ended.code, ended.stderr).toBe(1)
  expect(ended.stderr).toContain('1 of 1 objective not met: git-credentials-gone')
  expect(documentOf(ended.stdout)).toMatchObject({ outcome: 'failed', scenarios: [{ met: false, recoveredMs: expect.any(Number) }] })
})

test('interrupted after the fault was injected, it says how things are, ends the fault and what it had called, and names what is next', async () => {
  const running = lab.start('drill', ['--lab', '--scenario', 'git-credentials-gone,git-gone', '--json'])
  await running.said('recover.ts fixes it')
  running.kill('SIGINT')
  const ended = await running.ended
  expect(ended.code, ended.stderr).toBe(130)
  expect(ended.stderr).toContain('✗ stopped; lab-infra is as git-credentials-gone left it')
  expect(ended.stderr).toContain('→ npx zx scripts/recover.ts --lab --context lab-infra')
  expect(documentOf(ended.stdout)).toMatchObject({ outcome: 'cancelled', exitCode: 130, scenarios: [] })
  const faults = await lab.run('lab', ['fault', 'list', '--json'])
  expect(JSON.parse(faults.stdout)).toMatchObject({ faults: [] })
  // Nothing continues behind its back: the lock is free for anyone who fixes it.
  const fixed = await lab.run('recover', ['--lab', '--yes', '--fresh'])
  expect(fixed.code, fixed.stderr).toBe(0)
})
