import { afterAll, beforeAll, expect, test } from 'vitest'
import { killRebuild, openRebuildWorld, type RebuildWorld } from '../lab/rebuild-world.ts'

let world: RebuildWorld

beforeAll(async () => {
  world = await openRebuildWorld()
})
afterAll(() => world.lab.close())

test('a rebuild killed with -9 after every single step continues each time: the same end, and one teardown', async () => {
  expect(await killRebuild(world, () => true)).toBeGreaterThan(20)
  expect(await world.revisions('hooked')).toEqual(['1', '2'])
  expect(await world.revisions('elsewhere-far')).toEqual(['1', '2'])
})
