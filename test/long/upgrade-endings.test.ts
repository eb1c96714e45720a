import { afterAll, beforeAll } from 'vitest'
import { upgrading } from '../lab/ended-commands.ts'
import { type OlderLab, startOlderLab } from '../lab/older-flux.ts'
import { testEveryEnding } from './every-ending.ts'

let lab: OlderLab

beforeAll(async () => {
  lab = await startOlderLab()
})
afterAll(() => lab.close())

testEveryEnding('upgrade', { atLeast: 6, commandOf: () => upgrading(lab) })
