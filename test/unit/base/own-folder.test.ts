import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import module from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { keepCompiled } from '../../../installed/compile-cache.ts'
import { findExecutables } from '../../../lab/build/executables.ts'
import { ensureOwnFolder, forPrograms, forRuns, readOwnFile } from '../../../lib/base/own-folder.ts'

const another = 4711

function makeHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'frb-own-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  return home
}

/** Who this test would have to be for the file to be another user's; only root can give a file away. */
function strangerTo(path: string): number {
  const { uid } = statSync(path)
  if (process.getuid?.() !== 0) return uid + 1
  chownSync(path, another, another)
  return 0
}

describe('the folder where runs are kept', () => {
  test('is taken from others, which is said where they could have put something there', () => {
    const home = makeHome()
    chmodSync(home, 0o755)
    expect(ensureOwnFolder(home, forRuns)).toEqual([])
    chmodSync(home, 0o2777)
    expect(ensureOwnFolder(home, forRuns, { isDryRun: true })).toEqual([
      `others can write to ${home}, where runs are kept: set XDG_STATE_HOME to a folder that only you can write to`,
    ])
    expect(statSync(home).mode & 0o777).toBe(0o777)
    expect(ensureOwnFolder(home, forRuns)).toEqual([
      `others could write to ${home}, where runs are kept, until now: check what is in it before you resume a run`,
    ])
    expect(statSync(home).mode & 0o777).toBe(0o700)
    expect(ensureOwnFolder(home, forRuns)).toEqual([])
    expect(ensureOwnFolder(join(home, 'not', 'there'), forRuns)).toEqual([])
  })
  test('is refused where it belongs to another user, or is not a folder', () => {
    const home = makeHome()
    expect(() => ensureOwnFolder(home, forRuns, { me: strangerTo(home) })).toThrow(
      /^\S+, where runs are kept, belongs to another user \(uid \d+\)/,
    )
    const file = join(makeHome(), 'flux-runbook')
    writeFileSync(file, '')
    expect(() => ensureOwnFolder(file, forRuns)).toThrow('is not a folder')
  })
})

test("executables that others could have put there are not run without a word, and another user's not at all", async () => {
  const home = makeHome()
  vi.stubEnv('XDG_CACHE_HOME', home)
  onTestFinished(() => void vi.unstubAllEnvs())
  const cache = join(home, 'flux-runbook')
  mkdirSync(cache)
  chmodSync(cache, 0o775)
  expect(ensureOwnFolder(cache, forPrograms)).toEqual([
    `others could write to ${cache}, where programs are kept, until now: remove it if you do not trust them`,
  ])
  rmSync(cache, { recursive: true })
  writeFileSync(cache, '')
  await expect(findExecutables()).rejects.toThrow(`${cache}, where programs are kept, is not a folder`)
  const [enable, own]: unknown[] = [vi.fn(), Reflect.get(module, 'enableCompileCache')]
  Reflect.set(module, 'enableCompileCache', enable) // Node before 22.1 has none
  keepCompiled()
  Reflect.set(module, 'enableCompileCache', own)
  expect(enable).not.toHaveBeenCalled()
})

describe('what a run has noted', () => {
  test('is read where a run of this user wrote it, by a link of theirs too', () => {
    const home = makeHome()
    mkdirSync(join(home, 'elsewhere', 'run'), { recursive: true })
    writeFileSync(join(home, 'elsewhere', 'run', 'run.json'), '{}')
    symlinkSync('elsewhere', join(home, 'infra'))
    expect(readOwnFile(home, join(home, 'infra', 'run', 'run.json'))).toBe('{}')
  })
  test.runIf(process.getuid?.() === 0).each(['run.json', 'run', 'infra'])('is refused where %s is from another user', (name) => {
    const home = makeHome()
    const place = { 'run.json': 'infra/run/run.json', run: 'infra/run', infra: 'infra' }[name] ?? ''
    mkdirSync(join(home, 'infra', 'run'), { recursive: true })
    const file = join(home, 'infra', 'run', 'run.json')
    writeFileSync(file, '{}')
    chownSync(join(home, place), another, another)
    expect(() => readOwnFile(home, file)).toThrow(
      `${join(home, place)} was not written by a run of yours: it belongs to another user (uid 4711)`,
    )
  })
})
