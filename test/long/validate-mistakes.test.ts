import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureExecutables, type Executables } from '../../lab/build/executables.ts'
import { createConsole } from '../../lib/terminal/console.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { showFinding } from '../../lib/commands/validate/diagnostic.ts'
import { nothingGiven } from '../../lib/commands/validate/given-values.ts'
import { validateRepository } from '../../lib/commands/validate/repository.ts'
import type { Validation } from '../../lib/commands/validate/validate.ts'
import { mistakesIn } from './tree-mistakes.ts'

// Wants the lab's executables and the CRDs beside them, but no cluster.
const trees = join(projectRoot, 'test/fixtures/trees')
const root = mkdtempSync(join(tmpdir(), 'frb-trees-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let lab: Executables
beforeAll(async () => {
  lab = await ensureExecutables(createConsole({ clean: (text) => text }))
})

async function validated(folder: string): Promise<Validation> {
  const { kubectl, flux, operatorConfig, operatorVersion: version } = lab
  const tools = {
    kubectl,
    flux,
    release: { folder: operatorConfig, version },
    charts: { folder: join(projectRoot, 'lab/charts'), version },
  }
  return validateRepository(folder, tools, { rules: 'flux', given: nothingGiven, name: folder })
}

const shown = ({ findings }: Validation): string[] => findings.map(showFinding)

describe.each(['home', 'bootstrap', 'fleet'] as const)('a tree in a public layout, %s', (name) => {
  test.concurrent.each(mistakesIn(name))('with $mistake is reported file, line, rule and remedy', async ({ file, change, expected }) => {
    const copy = mkdtempSync(join(root, 'tree-'))
    cpSync(join(trees, name), copy, { recursive: true })
    const path = join(copy, file)
    const before = readFileSync(path, 'utf8')
    const after = change(before)
    expect(after).not.toBe(before)
    writeFileSync(path, after)
    expect(shown(await validated(copy))).toEqual(expected)
  })
})
