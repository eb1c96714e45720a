import { afterAll, beforeAll } from 'vitest'
import { takingDown } from '../lab/ended-commands.ts'
import { testEveryEnding } from './every-ending.ts'

let commands: Awaited<ReturnType<typeof takingDown>>

beforeAll(async () => {
  commands = await takingDown()
})
afterAll(() => commands.close())

testEveryEnding('rebuild', { atLeast: 9, commandOf: () => Promise.resolve(commands.rebuild) })
