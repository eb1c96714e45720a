import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureExecutables, type Executables } from '../../lab/build/executables.ts'
import { createConsole } from '../../lib/console.ts'
import { projectRoot } from '../../lib/settings.ts'
import { showFinding } from '../../lib/validate/finding.ts'
import { scopeOf } from '../../lib/validate/paths.ts'
import { type Means, validate, type Verdict } from '../../lib/validate/validate.ts'
import { script } from './harness.ts'

// Wants the lab's executables and the CRDs beside them, but no cluster.
const fixtures = join(projectRoot, 'test/fixtures/validate')
const mistakes = readdirSync(fixtures).filter((name) => name !== 'base')
const expected = (name: string): string => readFileSync(join(fixtures, name, 'expected.txt'), 'utf8')
const root = mkdtempSync(join(tmpdir(), 'frb-validate-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let lab: Executables
beforeAll(async () => {
  lab = await ensureExecutables(createConsole({ clean: (text) => text }))
})

function means(): Promise<Means> {
  const { kubectl, flux, operatorConfig, operatorVersion: version } = lab
  const charts = { folder: join(projectRoot, 'lab/charts'), version }
  return Promise.resolve({ kubectl, flux, release: { folder: operatorConfig, version }, charts })
}

/** The good checkout with the fixture's files in place of its own. */
function checkoutWith(name: string): string {
  const checkout = join(root, name)
  for (const from of ['base', name]) cpSync(join(fixtures, from), checkout, { recursive: true })
  for (const own of ['scripts', 'package.json'])
    if (!existsSync(join(checkout, own))) symlinkSync(join(projectRoot, own), join(checkout, own))
  return checkout
}

function validated(name: string, ...words: string[]): Promise<Verdict> {
  const checkout = checkoutWith(name)
  return validate(checkout, scopeOf(checkout, checkout, words), means)
}

describe('a checkout', () => {
  test('with nothing to mend has no findings, and nothing is left unchecked', async () => {
    expect(await validated('base')).toMatchObject({ findings: [], notChecked: [] })
  })

  test.concurrent.each(mistakes)('with the mistake %s is told file, line, rule and remedy', async (name) => {
    const { findings } = await validated(name, existsSync(join(fixtures, name, 'kubernetes')) ? 'kubernetes' : 'docs')
    expect(findings.map((finding) => `${showFinding(finding)}\n`).join('')).toBe(expected(name))
  })

  test('is told of a mistake only where it was asked about', async () => {
    expect(await validated('metric-rule', 'kubernetes/flux')).toMatchObject({ findings: [] })
    expect(await validated('metric-rule', 'kubernetes/clusters')).toMatchObject({ findings: [{ rule: 'metric' }] })
  })

  test('whose CRDs or flux are not on this machine is told what was not checked', async () => {
    const checkout = checkoutWith('base')
    const { notChecked } = await validate(checkout, scopeOf(checkout, checkout, ['kubernetes']), async () => ({
      ...(await means()),
      flux: undefined,
      release: undefined,
      charts: { folder: join(projectRoot, 'lab/charts'), version: '0.58.1' },
    }))
    expect(notChecked).toEqual([
      'the schemas of 5 Flux objects of infra: the CRDs of flux-operator 0.59.0 are not on this machine; npx zx scripts/lab.ts build brings them',
      'the values of HelmRelease flux-system/flux-instance in infra: the schema of chart flux-instance 0.59.0 is not on this machine',
      'the values of HelmRelease flux-system/flux-operator in infra: the schema of chart flux-operator 0.59.0 is not on this machine',
      'what flux build makes of it: there is no flux CLI on this machine',
    ])
  })
})

describe('the script', () => {
  const documentSchema = v.pipe(v.string(), v.parseJson())

  test('finds nothing to mend in this very checkout', async () => {
    const { code, stdout, stderr } = await script('validate', ['--json'], { home: root })
    expect(v.parse(documentSchema, stdout), stderr).toMatchObject({
      schemaVersion: 1,
      script: 'validate',
      outcome: 'done',
      exitCode: 0,
      findings: [],
      notChecked: [],
    })
    expect(code).toBe(0)
  })

  test('says everything at once, on stdout, and exits 1', async () => {
    const checkout = checkoutWith('command-flag')
    rmSync(join(checkout, 'scripts')) // a checkout is where the script is
    for (const own of ['scripts', 'lib', 'lab']) cpSync(join(projectRoot, own), join(checkout, own), { recursive: true })
    symlinkSync(join(projectRoot, 'node_modules'), join(checkout, 'node_modules'))
    cpSync(join(projectRoot, '.npmrc'), join(checkout, '.npmrc'))
    const { code, stdout, stderr } = await script('validate', [], { home: root, cwd: checkout })
    expect({ code, stdout }).toEqual({ code: 1, stdout: expected('command-flag') })
    expect(stderr).toMatch(/^✗ 2 mistakes in 8 files, 2 builds, infra, 2 documents \(/m)
  })

  test('refuses a path that is none of its business', async () => {
    const { code, stdout, stderr } = await script('validate', ['lib'], { home: root })
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: '✗ lib is no part of what validate looks at\n  → name paths below kubernetes/ or docs/, or README.md\n',
    })
  })
})
