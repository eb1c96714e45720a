import { execFileSync } from 'node:child_process'
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as breath } from 'node:timers/promises'
import { expect } from 'vitest'
import { formsOf } from '../../lib/base/redactor.ts'
import type { Ended, Running, TestLab } from './harness.ts'

/**
 * What all processes but the given one have in their arguments and environments, again and again until the script has ended. A child that
 * is forked and not yet another program still shows the script's own memory, the variables that this test gave it among it.
 */
export async function watchProcesses(running: Running, canaries: readonly string[]): Promise<string[]> {
  const seen = new Set<string>()
  const forms = canaries.flatMap(formsOf)
  let isOver = false
  void running.ended.then(() => {
    isOver = true
  })
  while (!isOver) {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const own = contentOf(`/proc/${running.pid}/cmdline`)
      if (contentOf(`/proc/${pid}/cmdline`) === own) continue
      for (const file of ['cmdline', 'environ']) {
        const text = contentOf(`/proc/${pid}/${file}`)
        if (forms.some((form) => text.includes(form))) seen.add(`${file} of ${contentOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`)
      }
    }
    await breath()
  }
  return [...seen]
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it has ended since
  }
}

function filesBelow(path: string): string[] {
  const kind = statSync(path, { throwIfNoEntry: false })
  if (kind === undefined) return []
  return kind.isDirectory() ? readdirSync(path).flatMap((name) => filesBelow(join(path, name))) : [path]
}

/** The folders of scripts among the temporary files: what is there before a run is not the run's. */
export const temporaryNow = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('flux-runbook-'))

/**
 * Looks for the canaries in everything that a run has said or left behind.
 * @param inGit that they are in Git from the start
 */
export async function verifyNothingLeft(
  lab: TestLab,
  ended: Ended,
  canaries: readonly string[],
  before: readonly string[],
  inGit = false,
): Promise<void> {
  const { git } = await lab.access()
  const history = execFileSync('git', ['-C', join(lab.home, 'git', 'fleet.git'), 'log', '--patch', '--all'], { encoding: 'utf8' })
  const temporary = temporaryNow().filter((name) => !before.includes(name))
  const places = {
    stdout: ended.stdout,
    stderr: ended.stderr,
    'the run folder': filesBelow(join(lab.home, 'runs')).map(contentOf).join('\n'),
    'temporary files': temporary
      .flatMap((name) => filesBelow(join(tmpdir(), name)))
      .map(contentOf)
      .join('\n'),
    ...(inGit ? {} : { Git: history }),
  }
  expect(git.url).not.toContain('@')
  for (const [place, text] of Object.entries(places)) {
    for (const form of canaries.flatMap(formsOf)) expect(text.includes(form), `a secret in ${place}, as ${form}`).toBe(false)
  }
}

/** Makes a script run as under `umask 0`, by its environment: what it does not make for its owner alone is everyone's. */
export const openUmask = { NODE_OPTIONS: '--import=data:text/javascript,process.umask(0)' }

/** That no one but its owner may read or change anything of what runs have kept. */
export function verifyPrivate({ home }: TestLab): void {
  const runs = join(home, 'runs')
  const kept = readdirSync(runs, { recursive: true, withFileTypes: true })
  expect(kept.length).toBeGreaterThan(0)
  const open = [runs, ...kept.map(({ parentPath, name }) => join(parentPath, name))].filter((path) => {
    const found = lstatSync(path)
    return (found.mode & 0o777) !== (found.isDirectory() ? 0o700 : 0o600)
  })
  expect(open).toEqual([])
}
