import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as breath } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Ended, Running, TestLab } from './harness.ts'

/**
 * What all processes but the given one have in their arguments and environments, again and again until the script has ended. A child that
 * is forked and not yet another program still shows the script's own memory, the variables that this test gave it among it.
 */
export async function watchProcesses(running: Running, canaries: readonly string[]): Promise<string[]> {
  const seen = new Set<string>()
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
        if (canaries.some((canary) => text.includes(canary)))
          seen.add(`${file} of ${contentOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`)
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
    for (const canary of canaries) {
      expect(text.includes(canary), `a secret in ${place}`).toBe(false)
      expect(text.includes(Buffer.from(canary).toString('base64')), `a secret in base64 in ${place}`).toBe(false)
    }
  }
}
