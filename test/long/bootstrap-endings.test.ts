import { afterAll, beforeAll } from 'vitest'
import { bootstrapping } from '../lab/ended-commands.ts'
import { startLab, type TestLab } from '../lab/harness.ts'
import { testEveryEnding } from './every-ending.ts'

let lab: TestLab

beforeAll(async () => {
  lab = await startLab(['infra'])
  await lab.snapshot('empty')
})
afterAll(() => lab.close())

testEveryEnding('bootstrap', {
  atLeast: 7,
  commandOf: () => Promise.resolve(bootstrapping(lab, () => lab.cluster('lab-infra'))),
})
