import * as v from 'valibot'
import { expect } from 'vitest'
import type { Ended, TestLab } from './harness.ts'
import { documentOf } from './recovery.ts'

const healthSchema = v.object({
  probes: v.array(v.object({ objects: v.optional(v.array(v.object({ object: v.string(), reason: v.string() })), []) })),
})

/** What is aimed at for the loss of a part, in milliseconds, as docs/drill.md says. */
export const objective = 5 * 60_000

/** A failure mode as an engineer meets it: health says what it is, recover names it in its plan, and Flux is healthy again in time. */
export interface Meeting {
  /** Health says this of an object, in a probe: waits until it does. */
  readonly isSeen: (probe: string, words: RegExp) => Promise<void>
  /** The plan names it. */
  readonly isPlanned: (id: string) => Promise<void>
  /** recover names it, repairs it, and ends in health within the objective. */
  readonly isRecovered: (id: string, ...flags: readonly string[]) => Promise<Ended>
  /** recover names it, says what a person is to do, and changes nothing. */
  readonly isLeftToPeople: (title: string, remedy: string) => Promise<void>
  /** Now that a person has done it, Flux is healthy within the objective. */
  readonly isHealthy: () => Promise<void>
}

/**
 * Begins with the loss itself: call it right before.
 * @param within the objective
 */
export function meet(lab: TestLab, within = objective): Meeting {
  const began = Date.now()
  const inTime = (): void => expect(Date.now() - began).toBeLessThan(within)
  const said = async (probe: string): Promise<string> => {
    const { stdout } = await lab.run('health-check', ['--lab', '--json', '--only', probe])
    const { probes } = v.parse(v.pipe(v.string(), v.parseJson(), healthSchema), stdout)
    return probes.flatMap(({ objects }) => objects.map(({ object, reason }) => `${object}: ${reason}`)).join('\n')
  }
  return {
    isSeen: (probe, words) => expect.poll(() => said(probe), { timeout: objective, interval: 1000 }).toMatch(words),
    async isPlanned(id) {
      const planned = await lab.run('recover', ['--lab', '--dry-run', '--json'])
      expect(planned.code, planned.stderr).toBe(0)
      expect(documentOf(planned).disasters.map((one) => one.id)).toContain(id)
    },
    async isRecovered(id, ...flags) {
      const ended = await lab.run('recover', ['--lab', '--yes', '--json', ...flags])
      expect(ended.code, ended.stderr).toBe(0)
      const { healthy, disasters } = documentOf(ended)
      expect({ healthy, ids: disasters.map((one) => one.id) }).toEqual({ healthy: true, ids: expect.arrayContaining([id]) })
      inTime()
      return ended
    },
    async isLeftToPeople(title, remedy) {
      const ended = await lab.run('recover', ['--lab', '--yes', '--json'])
      expect(ended.code, ended.stderr).toBe(3)
      expect(ended.stderr).toContain('this cannot be repaired from here; nothing was changed')
      expect(ended.stderr).toContain(`${title}: `)
      expect(ended.stderr).toContain(remedy)
    },
    async isHealthy() {
      const health = async (): Promise<number> => (await lab.run('health-check', ['--lab'])).code
      await expect.poll(health, { timeout: objective, interval: 2000 }).toBe(0)
      inTime()
    },
  }
}
