import { describe, expect, test } from 'vitest'
import { firstCause } from '../../../lib/base/first-cause.ts'
import { OperatorError } from '../../../lib/base/errors.ts'
import { judgeHealth } from '../../../lib/commands/upgrade/checks/health.ts'
import { showProbes } from '../../../lib/health/print.ts'
import type { ProbeResult, Trouble } from '../../../lib/health/probe.ts'
import { ApiError } from '../../../lib/kubernetes/http.ts'
import { createPreflight } from '../../../lib/preflight/preflight.ts'
import { withoutLongCauses } from '../../../lib/runner/run-command.ts'
import { recordingConsole } from '../../recording-console.ts'

const rules = Array.from({ length: 24 }, (_, at) => `{APIGroups:["apps"], Resources:["r${at}"], Verbs:["*"]}`)
const forbidden = `clusterroles "x" is forbidden: user "ann" is attempting to grant rights not currently held:\n${rules.join('\n')}`
const cut = `clusterroles "x" is forbidden: user "ann" is attempting to grant rights not currently held: ${rules[0]} (and 23 more lines; --verbose and --json have it whole)`

describe('a long message', () => {
  test.each([
    ['of a few lines stays', 'one\ntwo\nthree', 'one\ntwo\nthree'],
    ['is cut after its first cause', forbidden, cut],
    ['is cut after its first line', 'one\ntwo\n\nthree\nfour', 'one (and 3 more lines; --verbose and --json have it whole)'],
    ['of one line is cut', 'x'.repeat(500), `${'x'.repeat(400)}… (cut; --verbose and --json have it whole)`],
  ])('%s', (_, text, expected) => {
    expect(firstCause(text)).toBe(expected)
  })

  test('of the API is cut in what a person reads of an error, wherever in it it stands, and nowhere else', async () => {
    const refused = new ApiError(403, 'Forbidden', forbidden)
    expect(withoutLongCauses(forbidden, refused)).toBe(cut)
    const wrapped = new OperatorError(`applying failed: ${forbidden}`, { cause: refused })
    expect(withoutLongCauses(wrapped.message, wrapped)).toBe(`applying failed: ${cut}`)
    const own = new OperatorError('1\n2\n3\n4\n5')
    expect(withoutLongCauses(own.message, own)).toBe(own.message)
    const preflight = createPreflight(new AbortController().signal)
    await preflight.check(() => Promise.reject(new ApiError(500, 'InternalError', forbidden)))
    const blocked = preflight.blocked()
    expect(blocked.message).toContain(rules[23])
    expect(withoutLongCauses(blocked.message, blocked)).toContain(`\n${cut}\n   → `)
  })
})

describe('what fails for one reason', () => {
  const trouble = (team: string, reason: string): Trouble => ({
    object: `Kustomization ${team}/apps`,
    reason,
    next: `kubectl --namespace ${team} describe kustomization.kustomize.toolkit.fluxcd.io apps`,
  })
  const same = Array.from({ length: 347 }, (_, at) => trouble(`team-${at}`, `account system:serviceaccount:team-${at}:apps may not list`))
  const probe = (objects: readonly Trouble[]): ProbeResult => ({
    id: 'k',
    title: 'Kustomizations',
    state: 'fail',
    detail: 'not Ready',
    objects,
  })
  const shown = (objects: readonly Trouble[], isVerbose = false): string[] => {
    const { console, lines } = recordingConsole()
    showProbes(console, [probe(objects)], 0, isVerbose)
    return lines
  }

  test('is one line with a count, and the first to check', () => {
    expect(shown([trouble('shop', 'no such path'), ...same])).toEqual([
      '✗ Kustomizations: not Ready',
      '    Kustomization shop/apps: no such path',
      '    → kubectl --namespace shop describe kustomization.kustomize.toolkit.fluxcd.io apps',
      '    347 objects with the same reason, the first is Kustomization team-0/apps: account system:serviceaccount:team-0:apps may not list',
      '    → kubectl --namespace team-0 describe kustomization.kustomize.toolkit.fluxcd.io apps',
    ])
  })
  test('is reported object by object with --verbose, with the whole reason', () => {
    expect(shown(same, true)).toHaveLength(1 + 2 * 347)
    expect(shown([trouble('shop', forbidden)], true)[1]).toContain(rules[23])
    expect(shown([trouble('shop', forbidden)])[1]).toBe(`    Kustomization shop/apps: ${cut}`)
  })
  test('is reported object by object where it is two, or where they are suspended', () => {
    expect(shown(same.slice(0, 2))).toHaveLength(1 + 2 * 2)
    const suspension = { by: 'flux', since: undefined, user: undefined, via: 'flux CLI' }
    expect(shown(same.slice(0, 5).map((one) => ({ ...one, suspension })))).toHaveLength(1 + 2 * 5)
  })
  test('is reported once by what an unhealthy cluster blocks', () => {
    const wrong = [...Array.from({ length: 12 }, (_, at) => `Kustomization team-${at}/apps: Forbidden: no`), 'HelmRelease a/b: Failed: no']
    const [finding] = judgeHealth({ own: wrong, others: [] }, false)
    expect(finding?.what).toBe('not healthy now: 12 objects, as Kustomization team-0/apps: Forbidden: no; HelmRelease a/b: Failed: no')
  })
})
