import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { projectRoot } from '../../lib/base/paths.ts'
import { tieFolder } from '../../lib/process/child-process.ts'

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'frb-tied-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'run/below'), { recursive: true })
  return folder
}

test('a run’s folder goes with a process that is killed', async () => {
  const folder = makeFolder()
  const file = join(folder, 'run.mjs')
  const script = `
    import { tieFolder } from '${projectRoot}/lib/process/child-process.ts'
    tieFolder('${folder}/run')
    console.log('tied')
    setInterval(() => undefined, 1000)`
  writeFileSync(file, script)
  const loader = join(projectRoot, 'lib/loader/run-typescript.mjs')
  const child = spawn(process.execPath, [`--import=${loader}`, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  expect(existsSync(join(folder, 'run'))).toBe(true)
  child.kill('SIGKILL')
  await vi.waitFor(() => expect(existsSync(join(folder, 'run'))).toBe(false), { timeout: 20_000, interval: 20 })
})

test('it is gone when that is asked for', async () => {
  const folder = makeFolder()
  await tieFolder(join(folder, 'run'))()
  expect(existsSync(join(folder, 'run'))).toBe(false)
})
