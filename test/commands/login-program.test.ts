import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { projectRoot } from '../../lib/base/paths.ts'
import { printable } from '../../lib/base/shell-line.ts'
import { findAccess } from '../../lib/connection/kubeconfig.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'login-'))))
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

/** A kubectl whose kubeconfig has a context `plain`, and `asking` with a login program. */
function kubectl(): string {
  const context = (name: string): object => ({ name, context: { cluster: 'c', user: name } })
  const config = {
    contexts: [context('plain'), context('asking')],
    clusters: [{ name: 'c', cluster: { server: 'https://api.example' } }],
    users: [
      { name: 'plain', user: {} },
      { name: 'asking', user: { exec: { command: 'vault-login' } } },
    ],
  }
  const path = join(folder, 'kubectl')
  writeFileSync(path, `#!/bin/sh\ncat <<'END'\n${JSON.stringify(config)}\nEND\n`, { mode: 0o755 })
  return path
}

test('a login program is given the person’s whole environment, except for what is this project’s; kubectl alone is given little', async () => {
  vi.stubEnv('VAULT_TOKEN', 'theirs')
  vi.stubEnv('KRB5CCNAME', '/tmp/ticket')
  vi.stubEnv('GIT_PASSWORD', 'ours')
  const asking = await findAccess(kubectl(), 'asking', '/some/config')
  expect(asking.env).toMatchObject({ VAULT_TOKEN: 'theirs', KRB5CCNAME: '/tmp/ticket', KUBECONFIG: '/some/config' })
  expect(asking.env).not.toHaveProperty('GIT_PASSWORD')
  const plain = await findAccess(kubectl(), 'plain', undefined)
  expect(plain.env).not.toHaveProperty('VAULT_TOKEN')
})

test('a program that asks on /dev/tty is answered there, and Ctrl-C is the script’s alone to answer', async () => {
  const asks = 'echo asking >/dev/tty; read -r line </dev/tty; echo "was reported $line"'
  const script = `
    import { spawnTied } from './lib/process/child-process.ts'
    process.on('SIGINT', () => console.log('interrupted'))
    const { child, ended } = spawnTied(['sh', '-c', ${JSON.stringify(asks)}], { env: { PATH: process.env.PATH }, readsTerminal: true })
    child.stdout.pipe(process.stdout)
    child.stderr.pipe(process.stdout)
    console.log('ended with ' + (await ended))`
  const file = join(folder, 'run.mjs')
  writeFileSync(file, script.replace("'./lib", `'${projectRoot}/lib`))
  const command = [process.execPath, `--import=${join(projectRoot, 'lib/loader/run-typescript.mjs')}`, file]
  // A terminal of its own, by the program that every system has.
  const args = process.platform === 'darwin' ? ['-q', '/dev/null', ...command] : ['-qec', printable(command), '/dev/null']
  const terminal = spawn('script', args, { stdio: ['pipe', 'pipe', 'inherit'] })
  let said = ''
  const saying = (words: string): Promise<void> => vi.waitFor(() => expect(said).toContain(words), { timeout: 20_000, interval: 20 })
  terminal.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await saying('asking')
  terminal.stdin.write('\u0003')
  await saying('interrupted')
  terminal.stdin.write('the answer\n')
  await saying('was reported the answer')
  await saying('ended with 0')
  terminal.kill()
})
