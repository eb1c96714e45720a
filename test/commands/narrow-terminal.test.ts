import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { projectRoot } from '../../lib/base/paths.ts'

const folder = mkdtempSync(join(tmpdir(), 'frb-narrow-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Waits on a terminal of so many columns, and of another number from the middle on. */
const body = `
import { setTimeout as pause } from 'node:timers/promises'
const [first, then] = process.argv.slice(2).map(Number)
const { stderr } = process
const drawn = { isTTY: true, columns: first, cursorTo: () => true, clearLine: () => true, moveCursor: () => true }
Object.assign(stderr, drawn)
const { createConsole } = await import('${projectRoot}/lib/terminal/console.ts')
const console = createConsole({ clean: (text) => text })
const waiting = console.wait('a step with a title of some length, which takes more than one line')
await pause(300)
stderr.columns = then
stderr.emit('resize')
await pause(300)
waiting.on('a step with a title of some length: on its way')
console.line('a line')
waiting.success('a step')
`

test.each([
  [0, 0],
  [1, 1],
  [80, 0],
])('a terminal of %i columns, then of %i, holds up nothing', (first, then) => {
  const script = join(folder, 'body.mjs')
  writeFileSync(script, body)
  const { CI: _, ...env } = process.env
  const loader = join(projectRoot, 'lib', 'loader', 'run-typescript.mjs')
  const words = [`--import=${loader}`, script, String(first), String(then)]
  const { status, stderr } = spawnSync(process.execPath, words, {
    env: { ...env, TERM: 'xterm' },
    encoding: 'utf8',
    timeout: 20_000,
    killSignal: 'SIGKILL',
  })
  expect(status).toBe(0)
  expect(stderr).toMatch(/a line\n[^]*✔[^]* a step \(/)
})
