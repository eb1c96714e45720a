import { afterAll, beforeAll, expect, test } from 'vitest'
import { documentOf } from '../lab/harness.ts'
import { type OlderLab, startOlderLab, unready, wanted } from '../lab/older-flux.ts'
import { runEvents } from '../lab/run-events.ts'

let lab: OlderLab

beforeAll(async () => {
  lab = await startOlderLab()
})
afterAll(() => lab.close())

test('back and forth within minutes, the last time by a failed upgrade: each for a commit of its own, and no loop', async () => {
  const cluster = await lab.cluster('lab-infra')
  await lab.done('upgrade', wanted)
  await lab.done('rollback', ['--lab', '--yes', '--json'])
  await lab.setFault('image=source-controller:v1.9.5')
  expect(await lab.run('upgrade', [...wanted, '--no-image-check', '--timeout', '45s'])).toMatchObject({ code: 5 })
  await lab.clearFaults()
  expect((await runEvents(cluster)).sort()).toEqual(
    [
      'rollback from 2.9.5 to 2.9.4',
      'upgrade from 2.9.4 to 2.9.5',
      'upgrade from 2.9.4 to 2.9.5',
      'upgrade from 2.9.4 to 2.9.4', // rolled back before it was applied
    ].sort(),
  )
  const health = await lab.run('health-check', ['--lab', '--json'])
  expect(health, health.stderr).toMatchObject({ code: 0 })
  expect(health.stderr).toContain('✔ Recursive reconciliation: nothing changes without a commit')
  const recovered = await lab.run('recover', ['--lab', '--yes', '--json'])
  expect(documentOf(recovered), recovered.stderr).toMatchObject({ outcome: 'unchanged', disasters: [] })
  expect(await unready(cluster)).toEqual([])
})
