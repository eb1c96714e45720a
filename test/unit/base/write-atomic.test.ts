import { fstatSync, mkdtempSync, rmSync } from 'node:fs'
import type * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'

/** What putFile does to the disk, in its order. */
async function actsOf(path: string): Promise<string[]> {
  const acts: string[] = []
  vi.resetModules() // another file may have loaded it with the real calls
  vi.doMock('node:fs', async (original) => {
    const real = await original<typeof fs>()
    return {
      ...real,
      fsyncSync(file: number) {
        real.fsyncSync(file)
        acts.push(`the ${fstatSync(file).isDirectory() ? 'folder' : 'file'} is on disk`)
      },
      renameSync(from: string, to: string) {
        real.renameSync(from, to)
        acts.push('the file has its name')
      },
    }
  })
  onTestFinished(() => {
    vi.doUnmock('node:fs')
    vi.resetModules()
  })
  const { putFile } = await import('../../../lib/base/write-atomic.ts')
  putFile(path, '{}')
  return acts
}

test('a file gets its name once its content is on disk, and nobody relies on it before that name is, too', async () => {
  const home = mkdtempSync(join(tmpdir(), 'frb-atomic-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  expect(await actsOf(join(home, 'run.json'))).toEqual(['the file is on disk', 'the file has its name', 'the folder is on disk'])
})
