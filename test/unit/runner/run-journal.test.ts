import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { projectRoot } from '../../../lib/base/paths.ts'
import { putFile } from '../../../lib/base/write-atomic.ts'
import { openFleetLog } from '../../../lib/commands/fleet/fleet-log.ts'
import { makeRunFolder } from '../../../lib/commands/fleet/fleet-run.ts'
import { openJournal } from '../../../lib/runner/run-journal.ts'
import { lastDuration } from '../../../lib/runner/run-store.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'frb-journal-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

/** A run that keeps its folder, and an obstacle where a file is to be: as on a full disk, every write there fails. */
function journal(...obstacles: readonly string[]) {
  const record = openJournal('teardown', (text) => text)
  record.know({ context: 'infra', server: 'https://infra', uid: 'one' })
  record.keepIn(home)
  const folder = record.memory.folder()
  for (const name of obstacles) {
    rmSync(join(folder, name), { force: true })
    mkdirSync(join(folder, name, 'full'), { recursive: true })
  }
  return { record, folder }
}

describe('on a full disk', () => {
  test('a line of the log that cannot be written stops nothing, and is reported once at the end', () => {
    const { record, folder } = journal('log.txt')
    for (let line = 0; line < 3; line++) record.log('► rolling back')
    const { path, lost } = record.conclude({ outcome: 'done' }, undefined)
    expect(path).toBe(folder)
    expect(lost).toEqual([expect.stringMatching(new RegExp(`^${join(folder, 'log.txt')} lacks lines: EISDIR`))])
  })

  test('a report is there whole, or not at all, and the run ends as it ended', () => {
    const { record, folder } = journal('report.json', 'run.json')
    const { document, lost } = record.conclude({ outcome: 'done' }, undefined)
    expect(document).toMatchObject({ outcome: 'done', exitCode: 0 })
    expect(lost.map((what) => what.split(':')[0])).toEqual([
      `${join(folder, 'report.json')} cannot be written`,
      `${join(folder, 'run.json')} cannot be written`,
    ])
    expect(readFileSync(join(folder, 'report.md'), 'utf8')).toMatch(/^# teardown on infra: done\n/)
    expect(readdirSync(folder).filter((name) => name.endsWith('.unfinished'))).toEqual([])
  })

  test('what is to be remembered and cannot be is refused, before it is relied on', () => {
    const { record, folder } = journal('run.json')
    expect(() => record.memory.write({ stopped: true })).toThrow(`${join(folder, 'run.json')} cannot be written: `)
  })
})

test('an empty report of an old run is in no way: how long it took is not known', () => {
  const { record, folder } = journal()
  record.conclude({ outcome: 'done' }, undefined)
  expect(lastDuration(home, 'infra', 'teardown')).toBeTypeOf('number')
  writeFileSync(join(folder, 'report.json'), '')
  expect(lastDuration(home, 'infra', 'teardown')).toBeUndefined()
})

describe('a file that is to be whole', () => {
  test('is for its owner alone, whatever the umask', () => {
    const before = process.umask(0)
    onTestFinished(() => void process.umask(before))
    const path = join(home, 'a', 'b', 'file')
    putFile(path, 'x')
    const modes = ['a', 'a/b', 'a/b/file'].map((name) => statSync(join(home, name)).mode & 0o777)
    expect(modes).toEqual([0o700, 0o700, 0o600])
  })

  test('is not the only one: a log that grows, of a run and of a fleet, is for its owner alone too', () => {
    const before = process.umask(0)
    onTestFinished(() => void process.umask(before))
    journal().record.log('x')
    const fleet = makeRunFolder(home, '1-fleet')
    openFleetLog((text) => text).keepIn(join(fleet, 'log.txt'))
    const open = readdirSync(home, { recursive: true, withFileTypes: true }).filter(
      (one) => (statSync(join(one.parentPath, one.name)).mode & 0o777) !== (one.isDirectory() ? 0o700 : 0o600),
    )
    expect(open).toEqual([])
    expect(existsSync(join(fleet, 'log.txt'))).toBe(true)
  })

  test('replaces a link, and is never written through one', () => {
    const outside = join(home, 'outside')
    writeFileSync(outside, 'mine')
    for (const name of ['file', 'file.unfinished']) symlinkSync(outside, join(home, name))
    putFile(join(home, 'file'), 'new')
    expect(readFileSync(outside, 'utf8')).toBe('mine')
    expect(readFileSync(join(home, 'file'), 'utf8')).toBe('new')
  })

  test('is written in one way: the others write into folders that go with the run', () => {
    const files = readdirSync(join(projectRoot, 'lib'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
    const using = (call: RegExp): string[] => files.filter((name) => call.test(readFileSync(join(projectRoot, 'lib', name), 'utf8'))).sort()
    expect(using(/\bappendFile(Sync)?\(/)).toEqual(['base/write-atomic.ts', 'commands/fleet/kubernetes/work.ts'])
    expect(using(/\b(createWriteStream|copyFile(Sync)?)\(/)).toEqual([])
    expect(using(/\bwriteFile(Sync)?\(/)).toEqual([
      'base/write-atomic.ts',
      'commands/bootstrap/pulumi-stack.ts',
      'commands/upgrade/place-in-git.ts',
      'commands/validate/builds.ts',
      'commands/validate/flux-build.ts',
      'commands/validate/remote-bases.ts',
      'desired-state/kustomize.ts',
      'desired-state/render-chart.ts',
      'tools/git-clone.ts',
      'tools/git-signing.ts',
      'tools/git.ts',
    ])
  })
})

test('a log is not written through a link that someone has put in its place', () => {
  const { record, folder } = journal()
  const other = join(home, 'other')
  writeFileSync(other, 'precious')
  rmSync(join(folder, 'log.txt'), { force: true })
  symlinkSync(other, join(folder, 'log.txt'))
  record.log('► rolling back')
  const fleet = openFleetLog((text) => text)
  fleet.line('a line')
  fleet.keepIn(join(folder, 'log.txt'))
  expect(readFileSync(other, 'utf8')).toBe('precious')
  expect(record.conclude({ outcome: 'done' }, undefined).lost).toEqual([expect.stringContaining('ELOOP')])
})
