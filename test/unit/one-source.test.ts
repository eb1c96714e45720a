import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import * as annotations from '../../lib/flux/annotations.ts'
import { apiGroups } from '../../lib/flux/api-groups.ts'
import { controllerNames } from '../../lib/flux/components.ts'
import { appLabels, appliedBy } from '../../lib/flux/labels.ts'

/** What the code of lib/ says, without its comments, by file. */
const code = new Map(
  readdirSync('lib', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => join('lib', path))
    .map((file) => [file, withoutComments(readFileSync(file, 'utf8'))] as const),
)

function withoutComments(text: string): string {
  return text.replaceAll(/^\s*\/\*[^]*?\*\//gm, '').replaceAll(/(^|\s)\/\/.*$/gm, '')
}

/** The files that say it, leaving out those that may. */
function saying(what: string | RegExp, except: readonly string[] = []): string[] {
  return [...code].flatMap(([file, text]) => {
    const isSaid = typeof what === 'string' ? text.includes(what) : what.test(text)
    return isSaid && !except.some((other) => file.startsWith(other)) ? [file] : []
  })
}

describe('what Flux is stands in lib/flux/ alone', () => {
  test.each(Object.values(apiGroups))('the API group %s', (group) => {
    expect(saying(`'${group}'`)).toEqual(['lib/flux/api-groups.ts'])
  })

  test('no API group of Flux is spelt elsewhere, not even in a regular expression', () => {
    expect(
      saying(/(toolkit|extensions)\\?\.fluxcd|fluxcd\\?\.controlplane|finalizers\\?\.fluxcd|reconcile\\?\.fluxcd/, ['lib/flux/']),
    ).toEqual([])
  })

  const labels = [...Object.values(appLabels), ...Object.values(appliedBy).flatMap((by) => Object.values(by))]
  test.each(labels)('the label %s', (label) => {
    expect(saying(label)).toEqual(['lib/flux/labels.ts'])
  })

  const names = Object.values(annotations).filter((name) => typeof name === 'string')
  test.each(names)('the annotation %s', (annotation) => {
    expect(saying(`'${annotation}'`)).toEqual(['lib/flux/annotations.ts'])
  })

  test('who writes as Flux', () => {
    const except = ['lib/flux/field-managers.ts', 'lib/flux/bootstrap-files.ts'] // the name of a file
    expect(saying(/\(flux-operator\||-controller\||\]\+-controller|gotk-/, except)).toEqual([])
    expect(saying(/manager\b[^\n]{0,20}'[a-z-]+-controller'/, ['lib/flux/field-managers.ts'])).toEqual([])
  })

  test.each(controllerNames)('the controller %s', (name) => {
    const except = [
      'lib/flux/', // its name, and what it writes as
      'lib/commands/drill/faults/', // the faults are of this one
      'lib/commands/recover/repairs-operator.ts', // without them Git's release does not come back
      'lib/commands/teardown/steps/helm-idle.ts', // the one about releases in progress
    ]
    expect(saying(`'${name}'`, except)).toEqual([])
  })

  test("the FluxInstance's name", () => {
    expect(saying(/name: 'flux'|name [!=]== 'flux'/)).toEqual([])
    expect(saying("instanceName = 'flux'")).toEqual(['lib/flux/refs.ts'])
  })

  test('the namespace that it lives in unless someone wanted another', () => {
    expect(saying("'flux-system'")).toEqual(['lib/flux/refs.ts'])
  })

  test('what it has fetched and applied', () => {
    const except = [
      'lib/flux/',
      'lib/commands/drill/', // waits for a revision of its own
      'lib/commands/recover/steps/loop-trial.ts', // the same
      'lib/commands/recover/steps/end-loop.ts', // remembers one in its notes
    ]
    expect(saying(/lastAppliedRevision|revision: v\./, except)).toEqual([])
  })
})

test('the conditions of an object are read in one way', () => {
  const except = [
    'lib/kubernetes/readiness.ts',
    'lib/flux/readiness.ts',
    'lib/flux/object.ts', // read of ten thousand objects, in one pass with all else
    'lib/continuity/fingerprint.ts', // a Job's
    'lib/preflight/webhooks.ts', // an EndpointSlice's, which are fields of another shape
  ]
  expect(saying(/conditions: v\./, except)).toEqual([])
})

test('lib/kubernetes/ knows nothing of Flux', () => {
  const own = code.get('lib/kubernetes/client.ts')
  expect(own).toContain("fieldManager = 'flux-runbook'") // this project's own name
  const known = [...code].filter(([file, text]) => file.startsWith('lib/kubernetes/') && /flux(?!-runbook)/i.test(text))
  expect(known.map(([file]) => file)).toEqual([])
})

test('YAML is read in one way', () => {
  const parsers = /\b(parse|parseDocument|parseAllDocuments|Composer)\b[^}\n]*\} from 'yaml'/
  expect(saying(parsers)).toEqual(['lib/base/yaml.ts'])
})
