import { expect, test } from 'vitest'
import {
  crashesOf,
  faultArguments,
  type Fault,
  isCrashing,
  parseFault,
  parseFaultName,
  showFault,
  withFault,
  withoutFault,
} from '../../../lab/faults.ts'

test('a fault is read and shown as it is typed', () => {
  for (const text of ['crash=source-controller', 'api-down', 'api-slow=500', 'image=source-controller:v1.9.5']) {
    expect(showFault(parseFault(text))).toBe(text)
  }
})

test('an image is known by its last part, wherever it would be pulled from', () => {
  expect(parseFault('image=ghcr.io/fluxcd/source-controller:v1.9.5')).toEqual({ name: 'image', argument: 'source-controller:v1.9.5' })
})

test.each([
  ['api-dwn', 'there is no fault "api-dwn"; did you mean api-down?'],
  ['api-down=1', 'the fault api-down takes no value, but was given "1"'],
  ['crash', 'the fault crash needs a value: crash=[CLUSTER/]DEPLOYMENT[:TAG]'],
  ['api-slow=fast', 'api-slow takes milliseconds, such as api-slow=500; not "fast"'],
  ['image=source-controller', 'image takes a name and a tag, such as image=source-controller:v1.9.5; not "source-controller"'],
])('%s is refused', (text, message) => {
  expect(() => parseFault(text)).toThrow(message)
})

const faults: Fault[] = ['crash=one', 'crash=two', 'api-slow=500', 'git-down'].map(parseFault)

test('each crash counts, but there is one slowness at a time', () => {
  expect(withFault(faults, parseFault('crash=three')).map(showFault)).toEqual([
    'crash=one',
    'crash=two',
    'api-slow=500',
    'git-down',
    'crash=three',
  ])
  expect(faultArguments(withFault(faults, parseFault('api-slow=20')), 'api-slow')).toEqual(['20'])
  expect(withFault(faults, parseFault('crash=one'))).toHaveLength(4)
})

test('a crash is of every cluster, or of the one that it names', () => {
  const crashes = ['apps/source-controller:v1.9.5', 'helm-controller']
  expect(crashesOf('apps', crashes)).toEqual(['source-controller:v1.9.5', 'helm-controller'])
  expect(crashesOf('infra', crashes)).toEqual(['helm-controller'])
})

test('one, all of a name, or all are cleared', () => {
  expect(withoutFault(faults, parseFaultName('crash'), 'one').map(showFault)).toEqual(['crash=two', 'api-slow=500', 'git-down'])
  expect(withoutFault(faults, parseFaultName('crash')).map(showFault)).toEqual(['api-slow=500', 'git-down'])
  expect(withoutFault(faults, undefined)).toEqual([])
})

test.each([
  ['helm-controller', 'helm-controller', true],
  ['helm-controller', 'source-controller', false],
  ['helm-controller:v1.6.4', 'helm-controller', true],
  ['helm-controller:v1.6.3', 'helm-controller', false],
])('crash=%s and a pod of %s: %s', (crash, deployment, crashes) => {
  for (const image of [`ghcr.io/fluxcd/${deployment}:v1.6.4`, `127.0.0.1:5000/${deployment}:v1.6.4@sha256:0`])
    expect(isCrashing([crash], deployment, image)).toBe(crashes)
  expect(isCrashing([crash], '', `ghcr.io/fluxcd/${deployment}:v1.6.4`)).toBe(false) // the image check's pod
})
