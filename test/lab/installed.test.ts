import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { commands } from '../../installed/commands.ts'
import { type InstalledPackage, installPackage, type Ran } from '../installed-package.ts'
import { documentOf } from './harness.ts'

// The package in an empty folder, with no checkout near it: what people have who have a repository of their own.
let installed: InstalledPackage
let files: readonly string[]

beforeAll(async () => {
  installed = await installPackage()
  files = installed.files()
})
afterAll(async () => {
  await installed.run(['lab', 'down'])
  installed.remove()
})

/** No text of the installed command calls the scripts of a checkout. */
function checkCalls({ stdout, stderr }: Ran): void {
  expect(stdout + stderr).not.toMatch(/npx zx|scripts\/[\w-]+\.ts/)
}

const manifestSchema = v.looseObject({
  dependencies: v.optional(v.record(v.string(), v.string()), {}),
  scripts: v.record(v.string(), v.string()),
})

describe('the package', () => {
  test('is small, has no dependencies, and has nothing that runs when it is installed', () => {
    const file = join(installed.folder, 'node_modules', 'flux-runbook', 'package.json')
    const manifest = v.parse(v.pipe(v.string(), v.parseJson(), manifestSchema), readFileSync(file, 'utf8'))
    expect(manifest.dependencies).toEqual({})
    expect(Object.keys(manifest.scripts).filter((name) => /^(pre|post)?install$|^(pre|post)?prepare$/.test(name))).toEqual([])
    expect(statSync(installed.tarball).size).toBeLessThan(2_000_000)
  })

  test('lists its commands, and answers a wrong one with the nearest', async () => {
    const [help, short, none, wrong, version] = await Promise.all(
      [['--help'], ['-h'], [], ['helth'], ['--version']].map((args) => installed.run(args)),
    )
    for (const name of Object.keys(commands)) expect(help?.stdout).toMatch(new RegExp(`^  ${name} +[A-Z]`, 'm'))
    expect(short).toEqual(help)
    expect(none).toEqual({ ...help, code: 2 })
    expect(wrong).toEqual({
      code: 2,
      stdout: '',
      stderr: '✗ there is no command "helth"; did you mean health-check?\n  → flux-runbook --help\n',
    })
    expect(version?.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  test('has every command say how the installed one is called, and answer a wrong flag', async () => {
    const calls = [...Object.keys(commands), 'lab up', 'lab env']
    const helps = await Promise.all(calls.map(async (call) => ({ call, help: await installed.run([...call.split(' '), '--help']) })))
    for (const { call, help } of helps) {
      expect(help, call).toMatchObject({ code: 0, stderr: '' })
      expect(help.stdout).toContain(`  flux-runbook ${call} `)
      checkCalls(help)
    }
    expect(await installed.run(['teardown', '--contxt', 'infra'])).toEqual({
      code: 2,
      stdout: '',
      stderr: '✗ there is no flag --contxt; did you mean --context?\n  → flux-runbook teardown --help\n',
    })
    const { code, stderr } = await installed.run(['health-check', '--only', 'api'])
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr:
        '✗ which cluster? --context is mandatory\n  → kubectl config get-contexts; then --context NAME. Or --lab for a cluster on this machine\n',
    })
  })

  test('works on the repository of the working directory', async () => {
    const repository = join(installed.folder, 'a repository')
    mkdirSync(join(repository, 'kubernetes/clusters/mine'), { recursive: true })
    mkdirSync(join(repository, 'apps'))
    writeFileSync(join(repository, 'kubernetes/clusters/mine/settings.yaml'), 'kind: ConfigMap\ndata: {git_ref: refs/heads/main}\n')
    writeFileSync(join(repository, '.env'), '', { mode: 0o644 })
    const { code, stderr } = await installed.run(['bootstrap', '--context', 'mine', '--dry-run'], { cwd: join(repository, 'apps') })
    expect(code).toBe(2)
    expect(stderr).toContain(`${repository}/.env can be read by others`)
    expect(stderr).toContain('kubernetes/clusters/mine/settings.yaml lacks git_url or git_ref')
  })
})

test('bash completes in a terminal', async () => {
  const kubeconfig = join(installed.folder, 'kubeconfig')
  writeFileSync(kubeconfig, 'contexts: [{name: "arn:aws:eks:eu-1:12:cluster/prod", context: {}}, {name: infra, context: {}}]\n')
  const bash = 'bash --norc --noprofile -i'
  const args = process.platform === 'darwin' ? ['-q', '/dev/null', ...bash.split(' ')] : ['-qec', bash, '/dev/null']
  const PATH = [dirname(installed.program), process.env.PATH].join(delimiter)
  const env = { ...process.env, PATH, KUBECONFIG: kubeconfig, TERM: 'dumb', PS1: '> ', INPUTRC: '/dev/null' }
  const terminal = spawn('script', args, { cwd: installed.folder, env, stdio: ['pipe', 'pipe', 'inherit'] })
  let said = ''
  terminal.stdout.on('data', (chunk: Buffer) => void (said += chunk.toString()))
  const saying = (words: string): Promise<void> => vi.waitFor(() => expect(said).toContain(words), { timeout: 60_000, interval: 50 })
  try {
    terminal.stdin.write('source <(flux-runbook completion bash); echo "rea"dy\n')
    await saying('ready\r\n')
    terminal.stdin.write('echo flux; flux-runbook hea\t')
    await saying('flux-runbook health-check ')
    terminal.stdin.write('--context arn:aws:\t')
    await saying('--context arn:aws:eks:eu-1:12:cluster/prod ')
    terminal.stdin.write('--only=ap\t')
    await saying('--only=api')
  } finally {
    terminal.kill('SIGKILL')
  }
})

test('an empty folder is enough for a lab, a bootstrap, a health check and a teardown', async () => {
  const bootstrap = await installed.run(['bootstrap', '--lab', '--yes', '--json'])
  expect(documentOf(bootstrap)).toMatchObject({ script: 'bootstrap', outcome: 'done', exitCode: 0 })
  expect(bootstrap.stderr).toContain(
    `there is no kubernetes/clusters in ${installed.folder}: the lab's Git begins with the tree of flux-runbook`,
  )
  const health = await installed.run(['health-check', '--lab'])
  expect(health).toMatchObject({ code: 0 })
  const { stdout: env } = await installed.run(['lab', 'env'])
  expect(env).toContain(`export KUBECONFIG='${installed.folder}/.lab/kubeconfig'`)
  const teardown = await installed.run(['teardown', '--lab', '--yes', '--destroy=lab-infra'])
  expect(teardown).toMatchObject({ code: 0 })
  expect(teardown.stderr).toContain('flux-runbook bootstrap --lab --context lab-infra')
  for (const ran of [bootstrap, health, teardown]) checkCalls(ran)
  expect(installed.files()).toEqual(files) // on a read-only file system it is all the same
})
