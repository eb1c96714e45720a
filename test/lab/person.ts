import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { executablesHome } from '../../lab/home.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import type { Hand } from './by-hand.ts'
import type { TestLab } from './harness.ts'
import { harmless, pastedFrom } from './pasted.ts'
import { columns, inTerminal, keys, type TerminalSession } from './terminal.ts'

/** A person before a terminal whose shell has no cluster configured: what a command on the screen reaches, it names itself. */
export interface Person {
  readonly types: (line: string) => TerminalSession
  /** Runs a script by its steps, with Enter at so many prompts, and Ctrl-C at the next; undefined where it ends before. */
  readonly stopsAfter: (line: string, steps: number) => Promise<string | undefined>
  /**
   * The screen that a session leaves: no line but a command is wider than it, and every command on it is pasted, each once, where it would
   * change something as a dry run.
   */
  readonly reads: (session: TerminalSession, code: number) => Promise<string>
  /** Runs a script until it is done, with Ctrl-C at one question after the other; reads each screen. `name` is what is typed to consent. */
  readonly stopsEverywhere: (line: string, name: string) => Promise<readonly string[]>
  readonly leaves: () => void
}

export function personAt(lab: TestLab): Person {
  const home = mkdtempSync(join(tmpdir(), 'frb-person-'))
  const env = { HOME: home, KUBECONFIG: join(home, 'none'), FLUX_LAB_HOME: lab.home, XDG_CACHE_HOME: resolve(executablesHome(), '../..') }
  const place = { cwd: projectRoot, env, address: / --lab|lab-infra|scripts\/lab\.ts/ }
  return personIn(place, () => rmSync(home, { recursive: true, force: true }))
}

/** Where a person is. */
interface Place {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** How each command on the screen names the cluster. */
  readonly address: RegExp
}

/** A person in a checkout of the lab's Git, to whom the cluster is the context infra; the current context is of a server that does not exist. */
export async function personOf(hand: Hand): Promise<Person> {
  await hand.run('kubectl', ['config', 'set-cluster', 'elsewhere', '--server=https://127.0.0.1:1'])
  await hand.run('kubectl', ['config', 'set-context', 'elsewhere', '--cluster=elsewhere', '--user=infra'])
  await hand.run('kubectl', ['config', 'use-context', 'elsewhere'])
  return personIn({ cwd: hand.path('.'), env: hand.env, address: /--(?:kube-)?context[ =]infra\b|^flux-runbook/ }, hand.close)
}

function personIn(place: Place, leaves: () => void): Person {
  const tried = new Set<string>()
  const types = (line: string): TerminalSession => inTerminal(`npx zx scripts/${line}`, place.env, place.cwd)
  const reads: Person['reads'] = async (session, code) => {
    const ended = await session.ended
    expect(ended.code, ended.screen).toBe(code)
    const commands = pastedFrom(ended.screen)
    const lines = ended.screen.split('\n')
    const isWhole = (line: string, at: number): boolean =>
      commands.some((command) => line.includes(command)) ||
      /^\s*(\$|by hand:|report:) /.test(line) ||
      /^\s*by hand:$/.test(lines[at - 1] ?? '')
    expect(lines.filter((line, at) => line.length > columns && line.trim().includes(' ') && !isWhole(line, at))).toEqual([])
    for (const command of commands.filter((one) => !tried.has(one))) {
      tried.add(command)
      await paste(command, place)
    }
    return ended.screen
  }
  return {
    types,
    reads,
    async stopsAfter(line, steps) {
      const session = types(line)
      for (let step = 0; ; step++) {
        const isAsked = await session.said(/► Step \d+\//).then(
          () => true,
          () => false,
        )
        if (!isAsked) return undefined
        await session.said('What now?')
        session.press(step === steps ? keys.ctrlC : keys.enter)
        if (step === steps) return reads(session, 130)
      }
    },
    async stopsEverywhere(line, name) {
      const screens: string[] = []
      for (let resumed = '', answers = -1; ;) {
        const session = types(`${line}${resumed}`)
        const isStopped = await stopsAtQuestion(session, answers, name)
        const screen = await reads(session, isStopped ? 130 : 0)
        screens.push(screen)
        if (!isStopped) return screens
        // What was done is kept, and the next run begins behind it; or all is as it was, and the next run goes one question further.
        const isKept = screen.trimEnd().endsWith('--resume')
        resumed = isKept ? ' --resume' : ''
        answers = isKept ? 1 : answers + 1
      }
    },
    leaves,
  }
}

/** Consents to so many steps, and presses Ctrl-C at the next; with -1 at the first question. False where the run ends before. */
async function stopsAtQuestion(session: TerminalSession, steps: number, name: string): Promise<boolean> {
  for (let asked = 0; ;) {
    const question = await session.asked()
    if (question === undefined) return false
    const isStep = question.includes('What now?')
    if (steps === -1 || (isStep && asked === steps)) {
      session.press(keys.ctrlC)
      return true
    }
    session.press(...(isStep ? [] : [name]), keys.enter)
    if (isStep) asked += 1
  }
}

async function paste(command: string, { cwd, env, address }: Place): Promise<void> {
  if (!/^(git|age) /.test(command)) expect(command).toMatch(address)
  const typed = harmless(command)
  // Who pastes what takes a password from the shell has set it there; our own scripts have it in .env.
  const password = typed.includes('${GIT_PASSWORD') ? { GIT_PASSWORD: 'as in .env' } : {}
  const said = await promisify(execFile)('bash', ['-c', typed], { cwd, env: { ...process.env, ...env, ...password } }).then(
    () => '',
    (error: unknown) => `${String(Object(error).code)}: ${String(Object(error).stderr)}`,
  )
  // What is done by now no longer exists, or is already: the lab's API has said so.
  const isAnswered = said === '' || /Error from server \((NotFound|AlreadyExists)\)/.test(said)
  // A look that finds something, or a preflight that does.
  const isFinding = /^[13]: /.test(said) && typed.startsWith('npx zx scripts/') && !typed.includes('lab.ts')
  expect(isAnswered || isFinding ? '' : said, typed).toBe('')
}
