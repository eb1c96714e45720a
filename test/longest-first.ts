import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The lab's files that take minutes, the longest first. */
const longest = [
  'recover',
  'upgrade',
  'teardown',
  'interruption',
  'upgrade-rollback',
  'upgrade-minor',
  'health',
  'bootstrap',
  'any-flux',
  'rebuild',
  'upgrade-by-hand',
  'drill',
  'faults',
  'runbook',
  'private-network',
]

/** Begins with what takes longest, so that no file is left running alone at the end: a fresh checkout remembers no durations. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = longest.findIndex((name) => moduleId.endsWith(`/test/lab/${name}.test.ts`))
      return at === -1 ? longest.length : at
    }
    const sorted = await super.sort(files)
    const quick = sorted.filter((file) => rank(file) === longest.length)
    const slow = sorted.filter((file) => rank(file) < longest.length).sort((one, other) => rank(one) - rank(other))
    const isLab = ({ project }: TestSpecification): boolean => project.name === 'lab'
    return [...quick.filter((file) => !isLab(file)), ...slow, ...quick.filter(isLab)]
  }
}
