import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { assembleCharts, packageCharts } from '../../../lab/charts.ts'
import { projectRoot } from '../../../lib/base/paths.ts'
import { build, find } from '../built-tree.ts'

const root = mkdtempSync(join(tmpdir(), 'charts-'))
const config = join(root, 'config')
const target = join(root, 'target')
const upstream = [
  'crd/bases/fluxcd.controlplane.io_fluxinstances.yaml',
  'crd/bases/fluxcd.controlplane.io_fluxreports.yaml',
  'crd/bases/fluxcd.controlplane.io_resourcesetinputproviders.yaml',
  'crd/bases/fluxcd.controlplane.io_resourcesets.yaml',
  'manager/deployment.yaml',
  'manager/service.yaml',
  'default/rbac.yaml',
]

/** A helm that notes how it was called and writes an archive where the real one would. */
const helm = join(root, 'helm')
const called = join(root, 'called')

beforeEach(() => {
  rmSync(root, { recursive: true, force: true })
  for (const path of upstream) {
    mkdirSync(join(config, dirname(path)), { recursive: true })
    writeFileSync(join(config, path), `# upstream's ${path}\n`)
  }
  mkdirSync(target)
  writeFileSync(helm, `#!/bin/sh\necho "$@" >>${called}\n[ "$4" != broken ] || exit 1\ntouch "$8/\${2##*/}-$4.tgz"\n`, { mode: 0o755 })
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('the charts, laid out', () => {
  test('are the lab’s own files and upstream’s, unchanged', () => {
    assembleCharts(config, target)
    const own = readdirSync(join(projectRoot, 'lab/charts'), { recursive: true, encoding: 'utf8' })
    const laid = readdirSync(target, { recursive: true, encoding: 'utf8' })
    expect(laid).toEqual(expect.arrayContaining(own))
    const copies = laid.filter((path) => path.startsWith('flux-operator/upstream/') && path.endsWith('.yaml'))
    expect(copies.map((path) => readFileSync(join(target, path), 'utf8')).sort()).toEqual(
      upstream.map((path) => `# upstream's ${path}\n`).sort(),
    )
  })

  test('hold upstream’s files where the templates look for them', () => {
    assembleCharts(config, target)
    const templates = join(target, 'flux-operator/templates')
    const wanted = readdirSync(templates).flatMap((name) => {
      const text = readFileSync(join(templates, name), 'utf8')
      return [...text.matchAll(/\.Files\.(?:Get|Glob) "([^"*]+)/g)].map(([, path = '']) => path.replace(/\/$/, ''))
    })
    expect(wanted.sort()).toEqual(['upstream/crd', 'upstream/deployment.yaml', 'upstream/rbac.yaml', 'upstream/service.yaml'])
    for (const path of wanted) statSync(join(target, 'flux-operator', path))
  })

  test('are as old as each other, so that the archive is the same every time', () => {
    assembleCharts(config, target)
    const times = readdirSync(target, { recursive: true, encoding: 'utf8' }).map((path) => statSync(join(target, path)).mtimeMs)
    expect(new Set(times).size).toBe(1)
  })

  test('name the file of upstream’s that is missing', () => {
    rmSync(join(config, 'default/rbac.yaml'))
    expect(() => assembleCharts(config, target)).toThrow(/no config\/default\/rbac\.yaml/)
  })
})

describe('the charts, packaged', () => {
  test('have the operator’s version, and leave nothing else behind', async () => {
    const made = await packageCharts({ operatorConfig: config, version: '1.2.3', target, helm })
    expect(made).toEqual({ operator: join(target, 'flux-operator-1.2.3.tgz'), instance: join(target, 'flux-instance-1.2.3.tgz') })
    expect(readdirSync(target).sort()).toEqual(['flux-instance-1.2.3.tgz', 'flux-operator-1.2.3.tgz'])
    for (const call of readFileSync(called, 'utf8').trim().split('\n'))
      expect(call).toContain(`--version 1.2.3 --app-version v1.2.3 --destination ${target}`)
  })

  test('say which chart helm refuses, and clean up', async () => {
    await expect(packageCharts({ operatorConfig: config, version: 'broken', target, helm })).rejects.toThrow(
      /chart flux-operator as broken/,
    )
    expect(readdirSync(target)).toEqual([])
  })
})

/** A JSON schema, as far as the charts' go. */
interface Schema {
  readonly additionalProperties?: unknown
  readonly properties?: Readonly<Record<string, Schema>> | undefined
}
const schemaOfSchemas: v.GenericSchema<unknown, Schema> = v.looseObject({
  additionalProperties: v.optional(v.unknown()),
  properties: v.optional(
    v.record(
      v.string(),
      v.lazy(() => schemaOfSchemas),
    ),
  ),
})

/** Which keys of some values a schema does not know. */
function unknownKeys({ properties, additionalProperties }: Schema, values: unknown, path = ''): string[] {
  if (properties === undefined || !v.is(v.record(v.string(), v.unknown()), values)) return []
  return Object.entries(values).flatMap(([key, value]) => {
    const known = properties[key]
    if (known !== undefined) return unknownKeys(known, value, `${path}.${key}`)
    return additionalProperties === false ? [`${path}.${key}`] : []
  })
}

describe.each(['flux-operator', 'flux-instance'])('the chart %s', (name) => {
  const read = (file: string): unknown => parse(readFileSync(join(projectRoot, 'lab/charts', name, file), 'utf8'))
  const schema = v.parse(schemaOfSchemas, read('values.schema.json'))

  test('says that it is a stand-in', () => {
    expect(read('Chart.yaml')).toMatchObject({ name, description: expect.stringContaining('stand-in') })
  })

  test('takes every value that the tree gives it, and its own defaults', () => {
    const release = find(build('infrastructure/gitops'), 'HelmRelease', name)
    const { values } = v.parse(v.object({ spec: v.object({ values: v.record(v.string(), v.unknown()) }) }), release).spec
    expect(unknownKeys(schema, values)).toEqual([])
    expect(unknownKeys(schema, read('values.yaml'))).toEqual([])
  })

  test('refuses any other', () => {
    expect(unknownKeys(schema, { watchAllNamespaces: true, instance: { helthcheck: {} } })).toContain('.watchAllNamespaces')
    if (name === 'flux-instance') expect(unknownKeys(schema, { instance: { sync: { branch: 'main' } } })).toEqual(['.instance.sync.branch'])
  })
})
