import * as v from 'valibot'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { documentOf, type Ended, untilRunning } from '../lab/harness.ts'
import { expectRolledBack, namespace, newTags, type OlderLab, startOlderLab, wanted } from '../lab/older-flux.ts'

// For each controller: a new image that does not exist is found before anything is changed; without that check, Flux is back soon.
let lab: OlderLab

beforeAll(async () => {
  lab = await startOlderLab()
})
afterAll(() => lab.close())
beforeEach(async () => {
  await lab.reset('old')
  await untilRunning(lab)
})

const conditionsSchema = v.object({
  status: v.object({ conditions: v.array(v.object({ type: v.string(), status: v.string(), lastTransitionTime: v.string() })) }),
})

/** Git, the Deployments as they are asked for, and since when each pod is Ready: one that was not for a moment is Ready since then. */
async function state(): Promise<unknown> {
  const cluster = await lab.cluster('lab-infra')
  const [deployments, pods] = await Promise.all([cluster.list(kinds.deployment, { namespace }), cluster.list(kinds.pod, { namespace })])
  return {
    git: await lab.git('rev-parse', 'main'),
    deployments: deployments.map(({ metadata }) => [metadata.name, metadata.generation]),
    pods: pods.map((pod) => [
      pod.metadata.name,
      pod.metadata.uid,
      v.parse(conditionsSchema, pod).status.conditions.find(({ type }) => type === 'Ready'),
    ]),
  }
}

const stepsSchema = v.object({
  steps: v.array(v.object({ id: v.string(), state: v.string(), startedAt: v.optional(v.string()), durationMs: v.optional(v.number(), 0) })),
})

/** How long after the rollout was known to fail Flux was back on the old version, in seconds, as the report has it. */
function secondsBack(ended: Ended): number {
  const { steps } = v.parse(stepsSchema, documentOf(ended))
  const endOf = (which: (step: (typeof steps)[number]) => boolean): number => {
    const step = steps.findLast(which)
    return Date.parse(step?.startedAt ?? '') + (step?.durationMs ?? NaN)
  }
  return (endOf(({ id }) => id === 'back-put-back') - endOf(({ state: is }) => is === 'failed')) / 1000
}

describe.each(newTags)('%s cannot be pulled', (image) => {
  test('the upgrade ends before anything is changed, and no controller was away', async () => {
    const before = await state()
    await lab.setFault(`image=${image}`)
    const ended = await lab.run('upgrade', wanted)
    expect(ended, ended.stderr).toMatchObject({ code: 3 })
    const { outcome, steps, error } = documentOf(ended)
    expect(outcome).toBe('blocked')
    expect(steps).toMatchObject([{ id: 'image-check', state: 'failed' }])
    expect(error?.message).toContain(`/${image} does not start: `)
    expect(await state()).toEqual(before)
  })

  test('without the check, Flux is back on the old version within a minute of the answer, and nothing is suspended', async () => {
    await lab.setFault(`image=${image}`)
    const ended = await lab.run('upgrade', [...wanted, '--no-image-check'])
    await expectRolledBack(lab, ended)
    const seconds = secondsBack(ended)
    console.log(`${image}: back ${seconds} s after the answer`)
    expect(seconds).toBeLessThan(60)
  })
})
