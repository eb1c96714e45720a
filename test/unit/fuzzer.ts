import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OperatorError } from '../../lib/base/errors.ts'

/** The same inputs each time, so that what fails here fails everywhere; by hand, FUZZ_SEED chooses others and FUZZ_RUNS how many. */
const seed = Number(process.env.FUZZ_SEED ?? 20261129)
const chosenRuns = process.env.FUZZ_RUNS === undefined ? undefined : Number(process.env.FUZZ_RUNS)

/** Inputs for one function, and what must hold of it whatever comes in. */
export interface Fuzzer<F> {
  /** How many inputs CI tries. */
  readonly runs: number
  readonly subject: F
  /** The same function with a bug that some of these inputs reach: a fuzzer that does not find it finds nothing. */
  readonly planted: F
  readonly property: (subject: F) => fc.IRawProperty<unknown>
}

/** Two tests: that the property holds of the function, and that as many inputs find the planted bug. */
export function fuzz<F>(name: string, { runs, subject, planted, property }: Fuzzer<F>): void {
  const numRuns = chosenRuns ?? runs
  const timeout = chosenRuns === undefined ? {} : { timeout: 3_600_000 }
  test(name, timeout, async () => {
    await fc.assert(property(subject), { seed, numRuns })
  })
  test(`${name}: a planted bug is found`, timeout, async () => {
    const { failed, errorInstance } = await fc.check(property(planted), { seed, numRuns: runs, endOnFailure: true })
    expect(failed).toBe(true)
    expect(String(errorInstance)).toMatch(/planted|AssertionError|expected/)
  })
}

/** The function, which fails as a forgotten check does where an input is so. */
export function withBug<A extends readonly unknown[], R>(real: (...args: A) => R, isHit: (...args: A) => boolean): (...args: A) => R {
  return (...args) => {
    if (isHit(...args)) throw new TypeError('planted: cannot read properties of undefined')
    return real(...args)
  }
}

/** Whatever comes in, it is read, or refused with words for a person. */
export async function readsOrRefuses(read: () => unknown): Promise<void> {
  try {
    await read()
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    expect(error.message).not.toBe('')
  }
}
