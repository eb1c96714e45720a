import { setTimeout as pause } from 'node:timers/promises'
import * as v from 'valibot'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { forgetRuns } from '../lab/endings.ts'
import { type Ended, untilRunning } from '../lab/harness.ts'
import { expectAll, namespace, type OlderLab, settings, startOlderLab, wanted } from '../lab/older-flux.ts'
import { during, type Peaks } from './memory-peaks.ts'
import { makeThousand, reconcileAll, untilReady } from './thousand-objects.ts'

// The memory limits hold, and where one is too small it is said what to do. The lab's node kills what holds more anonymous memory than that.
let lab: OlderLab
let cluster: Cluster

beforeAll(async () => {
  lab = await startOlderLab()
  cluster = await lab.cluster('lab-infra')
})
afterAll(() => lab.close())
beforeEach(async () => {
  await lab.reset('old')
  forgetRuns(lab)
  await untilRunning(lab)
})

const endSchema = v.optional(v.object({ terminated: v.optional(v.object({ reason: v.string(), exitCode: v.number() })) }), {})
const podSchema = v.object({
  metadata: v.object({ name: v.string() }),
  status: v.object({ containerStatuses: v.optional(v.array(v.object({ state: endSchema, lastState: endSchema })), []) }),
})

/** The pods of Flux that were killed for their memory, by exit code. */
async function killedForMemory(): Promise<string[]> {
  const pods = v.parse(v.array(podSchema), await cluster.list(kinds.pod, { namespace }))
  return pods.flatMap(({ metadata, status }) =>
    status.containerStatuses
      .flatMap(({ state, lastState }) => [state.terminated, lastState.terminated])
      .flatMap((end) => (end?.reason === 'OOMKilled' ? [`${metadata.name}: ${end.exitCode}`] : [])),
  )
}

test('at the defaults nothing is killed in ten minutes with a thousand objects: made, started again, reconciled, upgraded', async () => {
  const peaks: Peaks = new Map()
  const phase = async (title: string, act: () => Promise<void>): Promise<void> => {
    await during(peaks, title, act)
    expect(await killedForMemory(), title).toEqual([])
  }
  await phase('a thousand objects are made', async () => {
    await makeThousand(lab, cluster)
    await untilReady(cluster)
  })
  const end = Date.now() + 600_000
  await phase('started again, all reconciled', async () => {
    await lab.kubectl('--namespace', namespace, 'delete', 'pods', '--all')
    await untilRunning(lab)
    await reconcileAll(cluster)
  })
  await phase('upgraded', async () => {
    await lab.done('upgrade', wanted)
    await untilReady(cluster)
  })
  // The operator's report comes every five minutes, and each object is reconciled every ten.
  await phase('until the ten minutes are over', () => pause(Math.max(0, end - Date.now())))
  await expectAll(lab, '2.9.5')
  const checked = await lab.run('health-check', ['--lab', '--json'])
  expect(checked.code, checked.stdout).toBe(0)
})

/** How a command ended, and all that it said. */
const inOne = ({ code, stdout, stderr }: Ended): string => `${code} ${stdout}${stderr}`

const setLimit = (setting: string, to: string) => (text: string) => text.replace(new RegExp(`(${setting}: ).*`), `$1"${to}"`)

test('an operator with less than it needs is killed; health-check and recover say what to do, which helps', async () => {
  await lab.change(settings, setLimit('operator_memory_limit', '64Mi'))
  await expect.poll(killedForMemory, { timeout: 300_000 }).toEqual([expect.stringMatching(/^flux-operator-.*: 137$/)])
  // For a moment after each start it is Ready, before it is killed again.
  const remedy = String.raw`raise its memory limit in Git to twice that \(operator_memory_limit in settings\.yaml\), and push`
  const health = async (): Promise<string> => inOne(await lab.run('health-check', ['--lab', '--json']))
  const needs = 'OOMKilled: it needs more memory than its limit of 64Mi'
  await expect.poll(health, { timeout: 120_000, interval: 1000 }).toMatch(new RegExp(`^1 [^]*${needs}[^]*${remedy}`))
  const recover = async (): Promise<string> => inOne(await lab.run('recover', ['--lab', '--yes', '--json', '--fresh']))
  await expect
    .poll(recover, { timeout: 120_000, interval: 1000 })
    .toMatch(new RegExp(`^3 [^]*"outcome": ?"blocked"[^]*${needs}[^]*${remedy}`))
  await lab.change(settings, setLimit('operator_memory_limit', '256Mi'))
  await expect.poll(health, { timeout: 600_000, interval: 5000 }).toMatch(/^0 /)
})
