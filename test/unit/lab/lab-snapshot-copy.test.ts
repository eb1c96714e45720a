import { cpSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { copy } from '../../../lab/snapshots.ts'

test('a folder whose files went while it was copied is copied again, links to their own folder too', async () => {
  const home = mkdtempSync(join(tmpdir(), 'lab-copy-'))
  try {
    const from = join(home, 'pod')
    mkdirSync(from)
    writeFileSync(join(from, 'sha256:1.tar.gz'), 'one')
    symlinkSync(join(from, 'sha256:1.tar.gz'), join(from, 'latest.tar.gz'))
    let attempts = 0
    const to = join(home, 'snapshot')
    const once = async (source: string, target: string): Promise<void> => {
      attempts += 1
      cpSync(source, target, { recursive: true, verbatimSymlinks: true })
      if (attempts === 1) throw Object.assign(new Error('gone'), { code: 'ENOENT' })
    }
    await copy(from, to, once)
    expect(attempts).toBe(2)
    expect(readlinkSync(join(to, 'latest.tar.gz'))).toBe(join(from, 'sha256:1.tar.gz'))
  } finally {
    rmSync(home, { recursive: true })
  }
})
