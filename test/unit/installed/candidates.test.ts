import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { parseDescription } from '../../../installed/command-descriptions.ts'
import { candidatesFor } from '../../../installed/completion/candidates.ts'
import { printShellScript } from '../../../installed/completion/completion.ts'
import { valuesHere } from '../../../installed/completion/values.ts'

const flag = (value: string, more: object = {}): object => ({ type: 'string', value, help: `the ${value}`, ...more })
const page = { usage: '', examples: [], lists: {} }
const commands = [
  {
    ...page,
    script: 'health-check',
    summary: 'Looks.',
    flags: {
      context: flag('NAME,…'),
      only: flag('PROBE,…'),
      via: flag('WAY', { choices: ['operator', 'flux'] }),
      resume: flag('RUN', { optional: true }),
      include: flag('WHAT', { repeats: true }),
      kubeconfig: flag('FILE'),
      lab: { type: 'boolean', help: 'the lab' },
    },
    lists: { 'Probes (--only)': { api: 'Kubernetes API', sources: 'Sources' } },
  },
  {
    ...page,
    script: 'lab',
    summary: 'Clusters.',
    flags: {},
    commands: { up: { summary: 'starts', flags: { clusters: flag('infra,apps') } } },
  },
].map((description) => parseDescription(JSON.stringify(description)))

/** What may stand in place of the last word of the line. */
function complete(line: string): string[] {
  const values = {
    contexts: (kubeconfig: string | undefined, isLab: boolean) => (isLab ? ['lab-infra'] : [kubeconfig ?? 'infra', 'apps']),
    clusters: () => ['infra'],
    runs: (script: string, context: string | undefined) => [`${context ?? 'any'}-${script}`],
  }
  return candidatesFor(line.split(' '), commands, values).map(({ word }) => word)
}

describe('a word is completed', () => {
  test.each([
    ['', ['health-check', 'lab', 'completion', '--help', '--version']],
    ['hea', ['health-check']],
    ['completion ', ['bash', 'zsh', 'fish']],
    ['lab ', ['up']],
    ['lab up --', ['--clusters']],
    ['health-check --o', ['--only']],
    ['health-check --lab --only api --', ['--context', '--via', '--resume', '--include', '--kubeconfig']],
    ['health-check --include a --include=b --in', ['--include']],
    ['health-check --via ', ['operator', 'flux']],
    ['health-check --via=f', ['--via=flux']],
    ['health-check --only ', ['api', 'sources']],
    ['health-check --only api,', ['api,sources']],
    ['health-check --context ', ['infra', 'apps']],
    ['health-check --context=a', ['--context=apps']],
    ['health-check --lab --context ', ['lab-infra']],
    ['health-check --kubeconfig mine --context m', ['mine']],
    ['health-check --context apps --resume ap', ['apps-health-check']],
    ['health-check --resume --v', ['--via']],
    ['health-check --kubeconfig ', []],
    ['nothing ', []],
  ])('%s', (line, expected) => {
    expect(complete(line)).toEqual(expected)
  })
})

test('what a shell would carry out, or take for two words, is not put into a line', () => {
  const evil = ['$(id)', '`id`', 'a;id', 'a b', "a'b", 'a|b', 'a\nb', 'a\u202eb', 'a&', '*', '~root']
  const fine = ['arn:aws:eks:eu-west-1:1:cluster/a', 'admin@apps', 'gke_a_b-c.d+e=f%', 'größe']
  const values = { contexts: () => [...evil, ...fine], clusters: () => [], runs: () => [] }
  expect(candidatesFor(['health-check', '--context', ''], commands, values).map(({ word }) => word)).toEqual(fine)
})

test('contexts are those of the kubeconfig, runs those of the script, the last one first', () => {
  const folder = mkdtempSync(join(tmpdir(), 'frb-values-'))
  onTestFinished(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true })
  })
  vi.stubEnv('XDG_STATE_HOME', folder)
  vi.stubEnv('KUBECONFIG', join(folder, 'config'))
  expect(valuesHere.contexts(undefined, false)).toEqual([])
  writeFileSync(join(folder, 'config'), 'contexts: [{name: infra, context: {}}, {name: "arn:aws:x/prod", context: {}}]\n')
  expect(valuesHere.contexts(undefined, false)).toEqual(['infra', 'arn:aws:x/prod'])
  expect(valuesHere.runs('upgrade', 'arn:aws:x/prod', false)).toEqual([])
  const runs = ['20260101T000000000Z-upgrade', '20260102T000000000Z-upgrade', '20260103T000000000Z-capture']
  for (const run of runs) mkdirSync(join(folder, 'flux-runbook', 'arn%3Aaws%3Ax%2Fprod', run), { recursive: true })
  const found = ['20260102T000000000Z-upgrade', '20260101T000000000Z-upgrade']
  expect(valuesHere.runs('upgrade', 'arn:aws:x/prod', false)).toEqual(found)
  expect(valuesHere.runs('upgrade', undefined, false)).toEqual(found)
})

test('a shell that has no completions is refused', () => {
  expect(() => printShellScript(['zhs'])).toThrow('completion is for one of bash, zsh, fish; not "zhs"')
  expect(() => printShellScript([])).toThrow('completion is for one of bash, zsh, fish')
})
