import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { projectRoot } from '../../../../lib/base/paths.ts'
import { parseFleet } from '../../../../lib/commands/fleet/fleet-file.ts'

const minute = 60_000

test('clusters are grouped by their waves, in the order of the waves', () => {
  const parsed = parseFleet(`clusters:
  - {name: apps, context: "arn:aws:eks:eu-west-1:1:cluster/apps", cluster: apps, wave: rest}
  - {name: infra, context: infra, kubeconfigSecret: infra-kubeconfig, wave: canary}
  - {name: edge, context: edge, wave: rest}
waves:
  - name: canary
    soak: 10m
  - {name: rest, parallel: 2, maxFailures: 1}
`)
  expect(parsed).toEqual({
    is: 'valid',
    waves: [
      {
        name: 'canary',
        parallel: 1,
        soakMs: 10 * minute,
        maxFailures: 0,
        clusters: [{ name: 'infra', context: 'infra', cluster: undefined, kubeconfigSecret: 'infra-kubeconfig', line: 3 }],
      },
      {
        name: 'rest',
        parallel: 2,
        soakMs: 0,
        maxFailures: 1,
        clusters: [
          { name: 'apps', context: 'arn:aws:eks:eu-west-1:1:cluster/apps', cluster: 'apps', line: 2 },
          { name: 'edge', context: 'edge', cluster: undefined, line: 4 },
        ],
      },
    ],
  })
})

test('the example of docs/fleet.md can be used as it is', () => {
  const [, example = ''] = /^```yaml\n(.*?)^```/ms.exec(readFileSync(join(projectRoot, 'docs', 'fleet.md'), 'utf8')) ?? []
  expect(parseFleet(example)).toMatchObject({
    is: 'valid',
    waves: [{ name: 'canary' }, { name: 'rest', parallel: 4, soakMs: 10 * minute, maxFailures: 1 }],
  })
})

test('everything that is wrong is found at once, each with its line', () => {
  const parsed = parseFleet(`clusters:
  - name: infra
    context: infra
    wave: canary
  - name: infra
    context: infra
    wave: cannary
  - name: ../b
    wave: rest
    contxt: x
  - edge
  - name: z
    context: 1
    wave: rest
waves:
  - name: canary
    soak: 10
    parallel: 0
  - name: rest
    soak: soon
    maxFailures: 1.5
  - name: empty
  - name: rest
`)
  expect(parsed.is === 'invalid' ? parsed.findings.map(({ line, what }) => `${line}: ${what}`) : parsed).toEqual([
    '5: the cluster infra is named twice, first in line 2',
    '6: the context infra is used by two clusters, first in line 3',
    '7: there is no wave cannary; did you mean canary?',
    '8: name must consist of letters, digits, dots and hyphens, at most 63',
    '8: context is missing',
    '10: there is no field contxt',
    '11: this is not a map',
    '13: context must be a string',
    '17: soak must be a duration such as 10m',
    '18: parallel must be a whole number, 1 or more',
    '20: soak must be a duration such as 10m',
    '21: maxFailures must be a whole number, 0 or more',
    '22: the wave empty has no clusters',
    '23: the wave rest is named twice, first in line 19',
  ])
})

test.each([
  ['', [{ line: 1, what: 'this has no clusters and waves' }]],
  ['just words', [{ line: 1, what: 'this has no clusters and waves' }]],
  ['clusters: 1\nwaves: []\n', [{ line: 1, what: 'clusters must be a list' }]],
  ['clusters: []\nwaves: []\n', [{ line: 1, what: 'there are no clusters' }]],
  ['clusters: []\n', [{ line: 1, what: 'waves is missing' }]],
  ['clusters: []\nwaves: []\nmore: 1\n', [{ line: 3, what: 'there is no field more' }]],
])('%j is not a fleet', (content, findings) => {
  expect(parseFleet(content)).toMatchObject({ is: 'invalid', findings })
})

test.each([
  ['clusters: [', 1],
  ['clusters: []\nclusters: []\n', 2],
])('%j is not valid YAML', (content, line) => {
  expect(parseFleet(content)).toEqual({
    is: 'invalid',
    findings: [{ line, what: expect.stringMatching(/^this is not valid YAML: .+/) }],
    clusters: [],
  })
})

test('aliases that multiply are refused, not expanded', () => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
  for (const [name, of] of ['ba', 'cb', 'dc', 'ed', 'fe']) bomb.push(`${name}: &${name} [${`*${of}, `.repeat(10)}]`)
  expect(parseFleet(bomb.join('\n'))).toMatchObject({ is: 'invalid' })
})

test('a wave does not pass for one that has soaked: by a name that every object of JavaScript has, or because no timer takes its time', () => {
  const parsed = parseFleet(`clusters:
  - {name: toString, context: apps, wave: constructor}
waves:
  - name: constructor
    soak: 577h
`)
  expect(parsed).toMatchObject({
    is: 'invalid',
    findings: [
      { line: 2, what: 'name must be another word: this one is kept for JavaScript' },
      { line: 4, what: 'name must be another word: this one is kept for JavaScript' },
      { line: 5, what: 'soak must be at most 24 days, which is 576h' },
    ],
  })
})
