import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { executablesHome } from '../../lab/home.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import type { TestLab } from './harness.ts'
import { harmless, pastedFrom } from './pasted.ts'
import { columns, inTerminal, keys, type TerminalSession } from './terminal.ts'

/** A person before a terminal whose shell knows no cluster: what a command on the screen reaches, it names itself. */
export interface Person {
  readonly types: (line: string) => TerminalSession
  /** Runs a script by its steps, with Enter at so many prompts, and Ctrl-C at the next; undefined where it ends before. */
  readonly stopsAfter: (line: string, steps: number) => Promise<string | undefined>
  /**
   * The screen that a session leaves: no line but a command is wider than it, and every command on it is pasted, each once, where it would
   * change something as a dry run.
   */
  readonly reads: (session: TerminalSession, code: number) => Promise<string>
  readonly leaves: () => void
}

export function personAt(lab: TestLab): Person {
  const home = mkdtempSync(join(tmpdir(), 'frb-person-'))
  const env = { HOME: home, KUBECONFIG: join(home, 'none'), FLUX_LAB_HOME: lab.home, XDG_CACHE_HOME: resolve(executablesHome(), '../..') }
  const tried = new Set<string>()
  const types = (line: string): TerminalSession => inTerminal(`npx zx scripts/${line}`, env)
  const reads: Person['reads'] = async (session, code) => {
    const ended = await session.ended
    expect(ended.code, ended.screen).toBe(code)
    const commands = pastedFrom(ended.screen)
    const isWhole = (line: string): boolean => commands.some((command) => line.includes(command)) || /^\s*(\$|by hand:|report:) /.test(line)
    const broken = ended.screen.split('\n').filter((line) => line.length > columns && line.trim().includes(' '))
    expect(broken.filter((line) => !isWhole(line))).toEqual([])
    for (const command of commands.filter((one) => !tried.has(one))) {
      tried.add(command)
      await paste(command, env)
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
    leaves: () => rmSync(home, { recursive: true, force: true }),
  }
}

async function paste(command: string, env: Readonly<Record<string, string>>): Promise<void> {
  expect(command).toMatch(/ --lab|lab-infra|scripts\/lab\.ts|^(git|age) /)
  const typed = harmless(command)
  const said = await promisify(execFile)('bash', ['-c', typed], { cwd: projectRoot, env: { ...process.env, ...env } }).then(
    () => '',
    (error: unknown) => `${String(Object(error).code)}: ${String(Object(error).stderr)}`,
  )
  // What is done by now no longer exists, or is already: the lab's API has said so.
  const isAnswered = said === '' || /Error from server \((NotFound|AlreadyExists)\)/.test(said)
  // A look that finds something, or a preflight that does.
  const isFinding = /^[13]: /.test(said) && typed.startsWith('npx zx scripts/') && !typed.includes('lab.ts')
  expect(isAnswered || isFinding ? '' : said, typed).toBe('')
}
