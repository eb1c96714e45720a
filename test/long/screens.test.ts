import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { resolve, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { executablesHome } from '../../lab/home.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { startLab, type TestLab, untilRunning } from '../lab/harness.ts'
import { harmless, pastedFrom } from '../lab/pasted.ts'
import { columns, inTerminal, keys, type TerminalSession } from '../lab/terminal.ts'

// What a person sees in a terminal of 80 columns, with Ctrl-C at each prompt; and every command on those screens, pasted. The person's shell
// knows no cluster: what a command reaches, it names itself.
let lab: TestLab
let home: string
let env: Record<string, string>
const tried = new Set<string>()

beforeAll(async () => {
  lab = await startLab(['infra'], { olderFlux: ['2.9.4'] })
  home = mkdtempSync(join(tmpdir(), 'frb-person-'))
  env = { HOME: home, KUBECONFIG: join(home, 'none'), FLUX_LAB_HOME: lab.home, XDG_CACHE_HOME: resolve(executablesHome(), '../..') }
})
afterAll(async () => {
  rmSync(home, { recursive: true, force: true })
  await lab.close()
})

const start = (line: string): TerminalSession => inTerminal(`npx zx scripts/${line}`, env)

/** Stops at the prompt of the step that comes after so many; undefined where the run ends before. */
async function stopAfter(line: string, steps: number): Promise<string | undefined> {
  const session = start(line)
  for (let step = 0; ; step++) {
    const isAsked = await session.said(/► Step \d+\//).then(
      () => true,
      () => false,
    )
    if (!isAsked) return undefined
    await session.said('What now?')
    session.press(step === steps ? keys.ctrlC : keys.enter)
    if (step === steps) return check(session, 130)
  }
}

/** Goes on with a run step by step, each time to the next prompt and Ctrl-C there, to its end. */
async function stopAtEach(line: string): Promise<void> {
  await stopAfter(line, 0)
  for (let resumed = ''; (await stopAfter(line + resumed, 1)) !== undefined;) resumed = ' --resume'
}

/** The screen that a session leaves, and that all on it can be read and pasted. */
async function check(session: TerminalSession, code: number): Promise<string> {
  const ended = await session.ended
  expect(ended.code, ended.screen).toBe(code)
  const lines = ended.screen.split('\n').filter((line) => !/^[?▸ ]/.test(line) || line.startsWith('  '))
  const commands = pastedFrom(ended.screen)
  const isCommand = (line: string): boolean => commands.some((command) => line.includes(command)) || /^\s*(\$|by hand:|report:) /.test(line)
  expect(lines.filter((line) => line.length > columns && !isCommand(line))).toEqual([])
  for (const command of commands.filter((one) => !tried.has(one))) {
    tried.add(command)
    await paste(command)
  }
  return ended.screen
}

async function paste(command: string): Promise<void> {
  expect(command).toMatch(/ --lab|lab-infra|scripts\/lab\.ts|^(git|age) /)
  const typed = harmless(command)
  const said = await promisify(execFile)('bash', ['-c', typed], { cwd: projectRoot, env: { ...process.env, ...env } }).then(
    () => '',
    (error: unknown) => `${String(Object(error).code)}: ${String(Object(error).stderr)}`,
  )
  // What is done by now is not there any more, or is already: the API of the lab has said so.
  const isAnswered = said === '' || /Error from server \((NotFound|AlreadyExists)\)/.test(said)
  const isLooked = /^[13]: /.test(said) && typed.startsWith('npx zx scripts/') && !typed.includes('lab.ts')
  expect(isAnswered || isLooked ? '' : said, typed).toBe('')
}

test('bootstrap', async () => {
  await stopAtEach('bootstrap.ts --lab')
  await check(start('bootstrap.ts --lab --dry-run'), 0)
  await check(start('health-check.ts --lab'), 0)
  await untilRunning(lab)
  await lab.snapshot('screens')
})

test('health-check and recover', async () => {
  await lab.kubectl('--namespace=flux-system', 'delete', 'deployments', '--all')
  const sick = await check(start('health-check.ts --lab'), 1)
  expect(sick).toMatch(/\n✗ lab-infra is not healthy[^]*\n {2}→ /)
  await stopAtEach('recover.ts --lab')
  await check(start('health-check.ts --lab'), 0)
})

test('upgrade, and back', async () => {
  await lab.reset('screens')
  await untilRunning(lab)
  await stopAfter('rollback.ts --lab --to 2.9.4', 0)
  await stopAfter('rollback.ts --lab --to 2.9.4', 2)
  await check(start('rollback.ts --lab --to 2.9.4 --yes --fresh'), 0)
  await stopAfter('upgrade.ts --lab --to 2.9.5 --fresh', 0)
  await stopAfter('upgrade.ts --lab --to 2.9.5 --fresh', 2)
  await check(start('upgrade.ts --lab --to 2.9.5 --yes --fresh'), 0)
})

test('rebuild', async () => {
  await lab.reset('screens')
  await untilRunning(lab)
  for (const [typed, code] of [
    [keys.ctrlC, 130],
    [keys.enter, 2],
    [`infra${keys.enter}`, 2],
  ] as const) {
    const session = start('rebuild.ts --lab')
    await session.said("type the context's name, lab-infra:")
    session.press(typed)
    await check(session, code)
  }
  const session = start('rebuild.ts --lab')
  await session.said("type the context's name, lab-infra:")
  session.press(`lab-infra${keys.enter}`)
  for (let step = 0; step < 4; step++) {
    await session.said(/► Step \d+\//)
    await session.said('What now?')
    session.press(step === 3 ? keys.ctrlC : keys.enter)
  }
  expect(await check(session, 130)).toContain('✗ stopped; everything is as it was')
  await check(start('rebuild.ts --lab --yes --destroy=lab-infra'), 0)
})
