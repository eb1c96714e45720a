import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { projectRoot } from '../../../lib/base/paths.ts'
import { exitCodes } from '../../../lib/base/errors.ts'
import { helpTextsOf } from '../../../lib/commands/validate/help-texts.ts'

const scripts = readdirSync('scripts')
  .filter((name) => name !== 'lab.ts')
  .map((name) => `scripts/${name}`)

async function helpOf(calls: readonly string[]): Promise<[string, string][]> {
  return [
    ...(await helpTextsOf(
      projectRoot,
      calls.map((key) => ({ script: key, key, flags: [] })),
    )),
  ]
}

/** The calls below "Examples:", from the script's name on. */
function examplesIn(text: string): string[] {
  const [, block = ''] = /^Examples:\n((?: .*\n)+)/m.exec(text) ?? []
  return [...block.matchAll(/^ {2}npx zx (scripts\/.*)$/gm)].map(([, call = '']) => call)
}

test('every script shows calls that it takes, what it must be given, and its exit codes', { timeout: 60_000 }, async () => {
  const texts = await helpOf(scripts)
  for (const [script, text] of texts) {
    expect(examplesIn(text).length, script).toBeGreaterThan(1)
    const [, usage = ''] = /^Usage:\n {2}(.*)$/m.exec(text) ?? []
    const [, flags = ''] = /^Flags:\n([^]*?)\n\n/m.exec(text) ?? []
    const required = flags.split(/\n(?= {2}--)/).filter((flag) => /\(required/.test(flag))
    for (const flag of required) expect(usage, script).toContain(/--[a-z-]+/.exec(flag)?.[0])
    for (const code of Object.values(exitCodes)) expect(text).toMatch(new RegExp(`^ {2}${code} +\\w`, 'm'))
  }
  // With --help behind them they are parsed, and nothing else is done.
  const shown = await helpOf(texts.flatMap(([, text]) => examplesIn(text)))
  expect(shown.filter(([, text]) => !/Exit codes"?:/.test(text)).map(([call]) => call)).toEqual([])
})

test('names that a flag chooses from are listed', { timeout: 60_000 }, async () => {
  const texts = new Map(await helpOf(['scripts/health-check.ts', 'scripts/drill.ts']))
  expect(texts.get('scripts/health-check.ts')).toMatch(/^Probes \(--only\):\n {2}api +\w/m)
  expect(texts.get('scripts/drill.ts')).toMatch(/^Scenarios \(--scenario\):\n {2}controllers-deleted +Every controller deleted$/m)
})
