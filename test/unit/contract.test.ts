import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scenarios } from '../../lib/commands/drill/faults/scenarios.ts'
import { exitCodes } from '../../lib/base/errors.ts'
import { allProbes } from '../../lib/health/all-probes.ts'
import { failureModes } from '../../lib/commands/recover/failures.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { helpTextsOf } from '../../lib/commands/validate/help-texts.ts'
import { documentKeys, runFiles } from './document-keys.ts'

/** `id: 'namespace', title: …`, on one line or on two; a template's variable part stays as it is written. */
const stepId = /\bid: (?:'([^']+)'|`([^`]+)`),\s+title[:,]/g

function stepIds(): string[] {
  const files = readdirSync('lib', { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts') && !path.includes('probe'))
  const ids = files.flatMap((path) =>
    [...readFileSync(join('lib', path), 'utf8').matchAll(stepId)].map(([, plain = '', template = '']) => plain + template),
  )
  const modes = failureModes.map(({ id }) => id)
  return [...new Set(ids)].filter((id) => !modes.includes(id)).sort()
}

async function flags(): Promise<string[]> {
  const scripts = readdirSync('scripts').map((name) => `scripts/${name}`)
  const lab = ['up', 'down', 'status', 'build', 'env', 'push', 'fault', 'snapshot', 'reset', 'wipe', 'logs'].map(
    (name) => `scripts/lab.ts ${name}`,
  )
  const fleet = ['health-check', 'capture', 'upgrade', 'rollback', 'drill', 'status'].map((name) => `scripts/fleet.ts ${name}`)
  const texts = await helpTextsOf(
    projectRoot,
    [...scripts, ...lab, ...fleet].map((key) => ({ script: key, key, flags: [] })),
  )
  return [...texts].map(([key, text]) => [key, ...[...text.matchAll(/^ +(--[a-z-]+)/gm)].map(([, flag]) => flag)].join(' '))
}

/** What other people's tests and jobs hold us to. Anyone who changes it on purpose updates the file: vitest run -u. */
test('names that people and programs rely on are what they were', async () => {
  const parts = {
    'exit codes': Object.entries(exitCodes).map(([name, code]) => `${code} ${name}`),
    probes: allProbes.map(({ id }) => id),
    'failure modes': failureModes.map(({ id }) => id),
    scenarios: scenarios.map(({ name }) => name),
    steps: stepIds(),
    flags: await flags(),
    'keys of a document': documentKeys(),
    "files of a run's folder": runFiles(),
  }
  const text = Object.entries(parts).map(([title, lines]) => `# ${title}\n${lines.join('\n')}\n`)
  await expect(text.join('\n')).toMatchFileSnapshot('../fixtures/contract.txt')
})
