import { once } from 'node:events'
import { mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { existsSync, watch } from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import { lastWordsOf, runProgram } from '../../../lib/process/program-output.ts'

const env = { PATH: process.env.PATH ?? '' }

describe('a program that is run to its end', () => {
  test('gets its words as they are: no shell reads them', async () => {
    expect(await runProgram(['printf', '%s|', '$HOME', '`id`', 'a b'], { env })).toEqual({
      exitCode: 0,
      stdout: '$HOME|`id`|a b|',
      stderr: '',
    })
  })
  test('gets no word that has a NUL in it, as a path that Git names', async () => {
    const refused = { name: 'OperatorError', message: 'no program can be called with "HEAD:a\\u0000b", which has a NUL in it' }
    await expect(runProgram(['git', 'show', 'HEAD:a\0b'], { env })).rejects.toMatchObject(refused)
  })
  test('says how it failed', async () => {
    const ended = await runProgram(['sh', '-c', 'echo some; echo no such branch >&2; exit 3'], { env })
    expect(ended).toEqual({ exitCode: 3, stdout: 'some\n', stderr: 'no such branch\n' })
    expect(lastWordsOf(ended)).toBe('no such branch')
    expect(lastWordsOf({ ...ended, stdout: '', stderr: '' })).toBe('exit code 3')
  })
  test('that does not exist fails by the code of a shell that finds none', async () => {
    const ended = await runProgram(['no-such-program'], { env })
    expect(ended.exitCode).toBe(127)
    expect(lastWordsOf(ended)).toContain('no-such-program')
  })
  test('reads from descriptor 4 what no argument and no variable may hold', async () => {
    expect((await runProgram(['sh', '-c', 'cat <&4'], { env, handover: 'password=secret\n' })).stdout).toBe('password=secret\n')
  })
  test('ends, with what it has started, when the signal says so', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'program-'))
    const started = once(watch(folder), 'change')
    const stopping = new AbortController()
    const child = `trap ': > "$0/ended"; exit' TERM; : > "$0/started"; sleep 600 & wait`
    const running = runProgram(['sh', '-c', `(${child}) & wait`, folder], { env, signal: stopping.signal })
    await started
    stopping.abort(new Error('stopped'))
    await expect(running).rejects.toThrow('stopped')
    await expect.poll(() => existsSync(join(folder, 'ended'))).toBe(true)
  })
  test('is not waited for, once it is stopped, where what it has left behind holds its output open', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'program-'))
    const started = once(watch(folder), 'change')
    const stopping = new AbortController()
    const leaving = `const { spawn } = require('node:child_process')
const { pid } = spawn('sleep', ['600'], { detached: true, stdio: 'inherit' })
require('node:fs').mkdirSync(process.argv[1] + '/' + pid)
setInterval(() => undefined, 1000)`
    const running = runProgram([process.execPath, '-e', leaving, folder], { env, signal: stopping.signal })
    await started
    const [left = ''] = await readdir(folder)
    onTestFinished(() => void process.kill(Number(left), 'SIGKILL'))
    stopping.abort(new Error('stopped'))
    await expect(running).rejects.toThrow('stopped')
    expect(() => process.kill(Number(left), 0)).not.toThrow()
  })
  test('is not started for a signal that has come already', async () => {
    await expect(runProgram(['true'], { env, signal: AbortSignal.abort(new Error('stopped')) })).rejects.toThrow('stopped')
  })
})
