import { describe, expect, test } from 'vitest'
import { checkWordsFor, endOf, stepIn, wordsFor } from '../../../../lib/commands/fleet/cluster-call.ts'
import type { FleetCommand } from '../../../../lib/commands/fleet/fleet-commands.ts'

const cluster = { name: 'apps', context: 'arn:aws/apps one', cluster: 'apps', line: 1 }
const upgrade: FleetCommand = { summary: '', flags: {}, example: '', effectOf: () => 'changes', isResumable: true }
const capture: FleetCommand = { ...upgrade, effectOf: () => 'nothing', isResumable: false, folders: ['out', 'copy-to'] }
const none = { changes: false, destroys: false }

describe("a cluster's script is called", () => {
  test('with its context and folder, the flags of the command, and the consent that was given', () => {
    const own = { to: '2.9.5', 'no-rollback': true }
    const shared = { kubeconfig: '/k', timeout: '5m', lab: undefined }
    const consent = { changes: true, destroys: true }
    expect(wordsFor(cluster, { command: upgrade, own, shared, consent, resume: undefined })).toEqual([
      '--context',
      'arn:aws/apps one',
      '--cluster',
      'apps',
      '--kubeconfig',
      '/k',
      '--timeout',
      '5m',
      '--to',
      '2.9.5',
      '--no-rollback',
      '--json',
      '--yes',
      '--destroy=arn:aws/apps one',
    ])
  })

  test('without a consent that was not given', () => {
    expect(wordsFor(cluster, { command: upgrade, own: {}, shared: {}, consent: none, resume: undefined }).at(-1)).toBe('--json')
  })

  test("to resume its own run, which --fresh of the fleet's beginning does not undo", () => {
    const options = { command: upgrade, own: {}, shared: { fresh: true }, consent: none }
    expect(wordsFor(cluster, { ...options, resume: 'RUN' }).slice(-2)).toEqual(['--json', '--resume=RUN'])
    expect(wordsFor(cluster, { ...options, resume: undefined }).slice(-2)).toEqual(['--json', '--fresh'])
    expect(wordsFor(cluster, { ...options, command: capture, resume: undefined }).at(-1)).toBe('--json')
  })

  test('with a folder where each cluster writes a file', () => {
    const own = { out: '/media/usb', 'copy-to': '/mnt/', include: 'Secret/x' }
    const words = wordsFor(cluster, { command: capture, own, shared: { lab: true }, consent: none, resume: undefined })
    expect(words.join(' ')).toContain('--lab --out /media/usb/ --copy-to /mnt/ --include Secret/x --json')
  })

  test('for the health check after a soak, without the flags of the command', () => {
    expect(checkWordsFor({ ...cluster, cluster: undefined, context: '-x' }, { timeout: '5m' })).toEqual([
      '--context=-x',
      '--timeout',
      '5m',
      '--json',
    ])
  })
})

describe('how a script ended', () => {
  const ended = (document: object, code = 0): ReturnType<typeof endOf> => endOf(code, JSON.stringify(document), '')

  test('is what its document says', () => {
    const error = { message: 'why', remedy: 'next' }
    expect(ended({ outcome: 'rolled-back', exitCode: 5, runId: 'R', from: '2.9.4', to: '2.9.5', error, more: 1 }, 5)).toEqual({
      outcome: 'rolled-back',
      exitCode: 5,
      runId: 'R',
      version: '2.9.4',
      error,
    })
    expect(ended({ outcome: 'done', exitCode: 0, runId: 'R', from: '2.9.4', to: '2.9.5' })).toMatchObject({ version: '2.9.5' })
    expect(ended({ outcome: 'done', exitCode: 0, flux: { version: 'v2.9.5' } })).toMatchObject({ runId: null, version: '2.9.5' })
    expect(ended({ outcome: 'failed', exitCode: 1, from: '2.9.4', to: '2.9.5' }, 1)).not.toHaveProperty('version')
  })

  test.each([
    [1, '', 'the script ended with exit code 1 without a document; its last output: ✗ no'],
    ['SIGKILL' as const, '{"outcome":', 'the script was ended by SIGKILL without a document; its last output: ✗ no'],
    [0, '', 'the script ended with exit code 0 without a document; its last output: ✗ no'],
    [1, '{"outcome":"done","exitCode":0}', 'the script ended with exit code 1 without a document; its last output: ✗ no'],
  ])('%s without a document that says the same is a failure', (end, stdout, message) => {
    expect(endOf(end, stdout, '✗ no')).toEqual({ outcome: 'failed', exitCode: 1, runId: null, error: { message } })
  })
})

test.each([
  ['◎ Follow the rollout: x', 'Follow the rollout: x'],
  ['► resuming the run R', 'resuming the run R'],
  ['✔ done', undefined],
  ['  diff --git', undefined],
])('%j is progress: %s', (line, step) => {
  expect(stepIn(line)).toBe(step)
})
