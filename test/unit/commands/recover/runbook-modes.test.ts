import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { projectRoot } from '../../../../lib/base/paths.ts'
import { failureModes } from '../../../../lib/commands/recover/failures.ts'
import { allProbes } from '../../../../lib/health/all-probes.ts'

const read = (file: string): string => readFileSync(join(projectRoot, file), 'utf8')
const ids = failureModes.map(({ id }) => id)

test('the runbook has a row for every failure mode, in order: how it looks, by script, by hand', () => {
  const [, section = ''] = read('docs/runbooks/flux-self-management.md').split('### Every failure mode\n')
  const rows = [...(section.split('\n## ')[0]?.matchAll(/^\| `([a-z-]+)` \| (.+) \|$/gm) ?? [])]
  expect(rows.map(([, id]) => id)).toEqual(ids)
  for (const [, id, cells = ''] of rows) {
    const [symptom = '', ...others] = cells.split(' | ')
    expect([id, others.length, others.every((cell) => cell !== '')]).toEqual([id, 2, true])
    // A symptom begins with the probes that show it, or says that nothing is there to be probed.
    const named = [...(symptom.split(':')[0] ?? '').matchAll(/`([a-z-]+)`/g)].map(([, probe]) => probe)
    const known: readonly (string | undefined)[] = allProbes.map((probe) => probe.id)
    expect([id, named.filter((probe) => !known.includes(probe))]).toEqual([id, []])
    expect(named.length > 0 || symptom.startsWith('no CRD of Flux'), `${id}: ${symptom}`).toBe(true)
  }
})

test('recover.md has a row for every failure mode, and for nothing else', () => {
  const firsts = [...read('docs/recover.md').matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+) \|/gm)].flatMap(([, cell = '']) => {
    const names = [...cell.matchAll(/`([a-z-]+)`/g)].map(([, name = '']) => name)
    const stem = names[0]?.replace(/-[a-z]+$/, '')
    return names.map((name) => (name.startsWith('-') ? `${stem}${name}` : name))
  })
  expect(firsts.toSorted()).toEqual(ids.toSorted())
})
