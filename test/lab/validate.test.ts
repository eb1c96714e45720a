import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureExecutables, type Executables } from '../../lab/build/executables.ts'
import { createConsole } from '../../lib/terminal/console.ts'
import { patched, runFluxBuild, runKustomize } from '../../lib/desired-state/kustomize.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { showFinding } from '../../lib/commands/validate/diagnostic.ts'
import { scopeOf } from '../../lib/commands/validate/paths.ts'
import { type ValidationTools, validate, type Validation } from '../../lib/commands/validate/validate.ts'
import { buildTree } from '../../lib/desired-state/tree.ts'
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

function tools(): Promise<ValidationTools> {
  const { kubectl, flux, operatorConfig, operatorVersion: version } = lab
  return Promise.resolve({ kubectl, flux, release: { folder: operatorConfig, version } })
}

/** The good checkout with the fixture's files in place of its own. */
function checkoutWith(name: string): string {
  const checkout = join(root, name)
  for (const from of ['base', name]) cpSync(join(fixtures, from), checkout, { recursive: true })
  for (const own of ['scripts', 'package.json'])
    if (!existsSync(join(checkout, own))) symlinkSync(join(projectRoot, own), join(checkout, own))
  return checkout
}

function validated(name: string, ...words: string[]): Promise<Validation> {
  const checkout = checkoutWith(name)
  return validate(checkout, scopeOf(checkout, checkout, words), tools)
}

describe('a checkout', () => {
  test('with nothing to fix has no findings, and nothing is left unchecked', async () => {
    expect(await validated('base')).toMatchObject({ findings: [], warnings: [], notChecked: [] })
  })

  test.concurrent.each(mistakes)('with the mistake %s names file, line, rule and remedy', async (name) => {
    const { findings } = await validated(name, existsSync(join(fixtures, name, 'kubernetes')) ? 'kubernetes' : 'docs')
    expect(findings.map((finding) => `${showFinding(finding)}\n`).join('')).toBe(expected(name))
  })

  test('is reported a mistake only where it was asked about', async () => {
    expect(await validated('metric-rule', 'kubernetes/flux')).toMatchObject({ findings: [] })
    expect(await validated('metric-rule', 'kubernetes/clusters')).toMatchObject({ findings: [{ rule: 'metric' }] })
  })

  test('whose CRDs or flux are not on this machine is reported what was not checked', async () => {
    const checkout = checkoutWith('base')
    const { notChecked } = await validate(checkout, scopeOf(checkout, checkout, ['kubernetes']), async () => ({
      ...(await tools()),
      flux: undefined,
      release: undefined,
    }))
    expect(notChecked).toEqual([
      'the schemas of 5 Flux objects of infra: the CRDs of flux-operator 0.59.0 are not on this machine; npx zx scripts/lab.ts build installs them',
      'flux build: there is no flux CLI on this machine',
    ])
  })
})

describe('a command in a kustomization, which kustomize would have git run', () => {
  let checkout: string
  let marker: string
  const folder = 'kubernetes/clusters/infra'
  const remote = { url: 'https://git.example/fleet.git', ref: 'refs/heads/main', login: { kind: 'none' } } as const
  const kustomization = (text: string): void => writeFileSync(join(checkout, folder, 'kustomization.yaml'), text)

  beforeAll(() => {
    cpSync(join(fixtures, 'base'), join(root, 'command'), { recursive: true })
    checkout = join(root, 'command')
    marker = join(checkout, 'marker')
    kustomization(`resources: ["file:///nowhere/x?ref=--upload-pack=touch%20${marker}%3Bfalse"]\n`)
  })

  test('is reported by validate, and not run', async () => {
    const { findings } = await validate(checkout, scopeOf(checkout, checkout, ['kubernetes']), tools)
    expect(existsSync(marker)).toBe(false)
    expect(findings).toMatchObject([{ rule: 'outside', file: `${folder}/kustomization.yaml`, line: 1 }])
  })

  test('stops the build that bootstrap, upgrade, rebuild and recover plan from, and is not run', async () => {
    const commit = '1'.repeat(40)
    await expect(buildTree(remote, commit, 'infra', checkout, lab.kubectl)).rejects.toMatchObject({
      kind: 'blocked',
      message: expect.stringMatching(
        /^kubernetes\/clusters\/infra at 111111111111 cannot be built: kubernetes\/clusters\/infra\/kustomization\.yaml:1: resources takes file:/,
      ),
      remedy: 'copy it into the repository, or have Flux fetch it: a source and a Kustomization of its own, push, and run again',
    })
    expect(existsSync(marker)).toBe(false)
  })

  test('is not run where kustomize is asked all the same, by kubectl or by flux', async () => {
    await expect(runKustomize(lab.kubectl, join(checkout, folder))).rejects.toThrow("transport 'file' not allowed")
    const what = ['--path', folder, '--kustomization-file', join(folder, 'flux.yaml'), '--dry-run']
    await expect(runFluxBuild(lab.flux, 'flux', what, checkout)).rejects.toThrow("transport 'file' not allowed")
    expect(existsSync(marker)).toBe(false)
  })

  test('and nothing is fetched over HTTP', async () => {
    kustomization('resources: [settings.yaml]\npatches: [{ path: "https://git.example/patch.yaml" }]\n')
    await expect(runKustomize(lab.kubectl, join(checkout, folder))).rejects.toThrow('proxyconnect tcp: dial tcp 127.0.0.1:0')
  })

  test('that a patch of a HelmRelease names is not fetched either', async () => {
    const patches = [{ path: 'https://git.example/patch.yaml' }]
    await expect(patched(lab.kubectl, 'kind: A\n', patches)).rejects.toThrow('path takes https://git.example/patch.yaml from a server')
  })
})

describe('the script', () => {
  const documentSchema = v.pipe(v.string(), v.parseJson())

  test('finds nothing to fix in this very checkout', async () => {
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
    expect(stderr).toMatch(/^✗ 2 problems in 8 files, 2 builds, infra, 2 documents \(/m)
  })

  test('refuses a path that is none of its business', async () => {
    const { code, stdout, stderr } = await script('validate', ['lib'], { home: root })
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: '✗ lib is not part of what validate checks\n  → name paths below kubernetes/ or docs/, README.md, or another repository\n',
    })
  })
})
