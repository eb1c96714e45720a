import { afterAll, beforeAll, expect, test } from 'vitest'
import { knownTrials } from '../trial.ts'
import { bootstrappedLab, type TestLab } from './harness.ts'
import { refusedTrials } from './run-trials.ts'

let lab: TestLab
beforeAll(async () => {
  lab = await bootstrappedLab()
})
afterAll(() => lab.close())

test('every command that is printed for other programs is one that they take: looks are run, the rest with a dry run or --help', async () => {
  const trials = knownTrials()
  expect(trials.length).toBeGreaterThan(60)
  expect(await refusedTrials(await lab.access(), trials, true)).toEqual([])
})

test.each([
  ['kubectl', 'get pods --nmespace flux-system', 'unknown flag: --nmespace'],
  ['kubectl', 'describe helmchart.helm.cattle.io x', `the server doesn't have a resource type`],
  ['flux', 'resume helmreleas x --help', 'is not a command of it'],
  ['git', 'psh -h', "'psh' is not a git command"],
] as const)('one that %s does not take is found: %s', async (program, words, said) => {
  const refused = await refusedTrials(await lab.access(), [{ program, words: words.split(' '), shape: '' }], true)
  expect(refused.join()).toContain(said)
})
