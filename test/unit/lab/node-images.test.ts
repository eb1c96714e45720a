import { describe, expect, test } from 'vitest'
import { findImage, isReal, parseImage } from '../../../lab/node/images.ts'
import { ownImage } from '../../../lab/node/own-image.ts'

const executables = [
  { image: 'source-controller', tag: 'v1.9.5', path: '/bin/source-controller' },
  { image: 'source-controller', tag: 'v1.9.4', path: '/bin/old/source-controller' },
]

describe('an image name', () => {
  test.each([
    ['ghcr.io/fluxcd/source-controller:v1.9.5', 'source-controller', 'v1.9.5'],
    ['ghcr.io/fluxcd/source-controller:v1.9.5@sha256:0123', 'source-controller', 'v1.9.5'],
    ['127.0.0.1:5000/source-controller', 'source-controller', 'latest'],
    ['registry:5000/a/b@sha256:0123', 'b', ''],
    ['nginx', 'nginx', 'latest'],
  ])('%s', (image, name, tag) => {
    expect(parseImage(image)).toEqual({ name, tag })
  })
})

describe('pulling', () => {
  test('finds the program of a tag, whatever the registry and digest', () => {
    expect(findImage('mirror.local/x/source-controller:v1.9.4@sha256:0123', executables, [])).toEqual({
      is: 'real',
      name: 'source-controller',
      path: '/bin/old/source-controller',
    })
  })

  test("fails for a Flux program's unknown tag, in a kubelet's words, and says what there is", () => {
    const found = findImage('ghcr.io/fluxcd/source-controller:v9.9.9', executables, [])
    expect(found).toMatchObject({ is: 'absent' })
    expect(found).toHaveProperty('message', expect.stringMatching(/failed to pull .*v9\.9\.9: not found .*v1\.9\.5, v1\.9\.4 only/))
    expect(findImage('ghcr.io/fluxcd/helm-controller:v1.6.4', executables, [])).toHaveProperty(
      'message',
      expect.stringContaining('no program for it'),
    )
  })

  test('holds everything else with a stand-in, programs of Flux that cannot be built included', () => {
    expect(findImage('nginx', executables, [])).toEqual({ is: 'stand-in' })
    expect(findImage('ghcr.io/fluxcd/notification-controller:v1.9.4', executables, [])).toEqual({ is: 'stand-in' })
  })

  test("finds this project's own image in its own version only", () => {
    const own = ownImage()
    expect(findImage(`registry.example.com/team/flux-runbook:${own.tag}`, [...executables, own], [])).toEqual({
      is: 'real',
      name: 'flux-runbook',
      path: process.execPath,
    })
    expect(findImage('flux-runbook:0.0.0', [...executables, own], [])).toHaveProperty(
      'message',
      expect.stringContaining(`programs for ${own.tag} only`),
    )
  })

  test('fails for what a fault names, and only for that', () => {
    const unreachable = ['source-controller:v1.9.5', 'nginx:1.29']
    expect(findImage('ghcr.io/fluxcd/source-controller:v1.9.5@sha256:0123', executables, unreachable)).toMatchObject({ is: 'absent' })
    expect(findImage('ghcr.io/fluxcd/source-controller:v1.9.4', executables, unreachable)).toMatchObject({ is: 'real' })
    expect(findImage('nginx:1.29', executables, unreachable)).toMatchObject({ is: 'absent' })
    expect(findImage('nginx:1.28', executables, unreachable)).toEqual({ is: 'stand-in' })
  })
})

test.each([
  ['x/source-controller:v1.9.5', true],
  ['x/helm-controller:v0', true],
  ['x/notification-controller:v1.9.4', false],
  ['nginx', false],
])('%s is real: %s', (image, real) => {
  expect(isReal(image, executables)).toBe(real)
})
