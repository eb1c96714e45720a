import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { projectRoot } from '../../lib/base/paths.ts'
import { printable } from '../../lib/base/shell-line.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'frb-closed-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Child = ChildProcessByStdio<null, Readable, Readable>

function run(...words: readonly string[]): Child {
  const { CI: _, ...env } = process.env
  const loader = join(projectRoot, 'lib', 'loader', 'run-typescript.mjs')
  return spawn(process.execPath, [`--import=${loader}`, ...words], { cwd: projectRoot, env, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** A body that says much, and keeps in a file what happens to it; stopped, it has something to restore. */
const body = `
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { createConsole } from '${projectRoot}/lib/terminal/console.ts'
import { interruptible, main } from '${projectRoot}/lib/terminal/main.ts'

await main(async () => {
  const signal = interruptible()
  const console = createConsole({ clean: (text) => text, answers: process.stdout, log: (line) => appendFileSync(process.argv[2], line + '\\n') })
  console.action('begun')
  if (process.argv[3] === 'after a line') {
    await once(process.stdin, 'data')
    process.stdin.unref()
  }
  for (let i = 0; i < 1000; i++) console.line('much')
  console.answer.line('the report')
  process.stdout.write('{}\\n')
  if (process.argv[3] === 'until stopped') {
    await pause(60_000, undefined, { signal }).catch(() => undefined)
    const again = once(process, 'SIGHUP')
    console.action('restoring')
    const alive = setInterval(() => undefined, 1000) // a signal that is waited for keeps no process
    await again
    clearInterval(alive)
  }
  const waiting = console.wait('step')
  waiting.on('step: on its way')
  waiting.success('step')
  return signal.aborted ? 130 : 5
})
`

/** Starts the body and takes its readers away after the first line; returns it, its end, and the lines it has logged. */
async function started(...words: readonly string[]): Promise<{ child: Child; exited: Promise<unknown>; logged: () => string[] }> {
  const [script, log] = [join(folder, 'body.mjs'), join(folder, 'log.txt')]
  writeFileSync(script, body)
  writeFileSync(log, '')
  const child = run(script, log, ...words)
  const exited = once(child, 'exit')
  await once(child.stderr, 'data')
  child.stderr.destroy()
  child.stdout.destroy()
  return { child, exited, logged: () => readFileSync(log, 'utf8').split('\n') }
}

describe('with nobody left to read', () => {
  test('a run continues to its end, and logs it', async () => {
    const { exited, logged } = await started()
    expect(await exited).toEqual([5, null])
    expect(logged()).toContain('the report')
    expect(logged().at(-2)).toMatch(/^✔ step/)
  })

  test('a run whose terminal is gone, which hangs up twice, still restores what it changed', async () => {
    const { child, exited, logged } = await started('until stopped')
    await expect.poll(() => logged().filter((line) => line === 'much').length).toBe(1000)
    child.kill('SIGHUP')
    await expect.poll(logged).toContain('► restoring')
    child.kill('SIGHUP')
    expect(await exited).toEqual([130, null])
    expect(logged().at(-2)).toMatch(/^✔ step/)
  })

  test.each<[string, readonly string[], number]>([
    ['--help', ['bootstrap', '--help'], 0],
    ['--version', ['health-check', '--version'], 0],
    ['the commands of the lab', ['lab', '--help'], 0],
    ['a document', ['bootstrap', '--json'], 2],
  ])('%s ends with its own exit code', async (_, [script, ...flags], code) => {
    const child = run('node_modules/zx/build/cli.js', `scripts/${script}.ts`, ...flags)
    child.stdout.destroy()
    child.stderr.destroy()
    expect(await once(child, 'exit')).toEqual([code, null])
  })
})

test('on a terminal that is stopped by Ctrl-S, a run continues to its end, and logs it', async () => {
  const [script, log] = [join(folder, 'body.mjs'), join(folder, 'log.txt')]
  writeFileSync(script, body)
  writeFileSync(log, '')
  const loader = join(projectRoot, 'lib', 'loader', 'run-typescript.mjs')
  const command = [process.execPath, `--import=${loader}`, script, log, 'after a line']
  const args = process.platform === 'darwin' ? ['-q', '/dev/null', ...command] : ['-qec', printable(command), '/dev/null']
  const { CI: _, ...env } = process.env
  const terminal = spawn('script', args, { cwd: projectRoot, env, stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void terminal.kill('SIGKILL'))
  const ended = once(terminal, 'close') // all that it has said is read then
  let screen = ''
  terminal.stdout.on('data', (chunk: Buffer) => (screen += chunk.toString()))
  await vi.waitFor(() => expect(screen).toContain('begun'), { timeout: 20_000, interval: 20 })
  terminal.stdin.write('\u0013go on\n') // the line comes once the terminal has stopped
  await vi.waitFor(() => expect(readFileSync(log, 'utf8')).toContain('✔ step'), { timeout: 20_000, interval: 20 })
  expect(screen).not.toContain('much')
  terminal.stdin.write('\u0011')
  expect(await ended).toEqual([5, null])
  expect(screen).toContain('the report')
})
