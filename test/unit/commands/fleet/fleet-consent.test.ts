import { describe, expect, test } from 'vitest'
import type { GivenFlags } from '../../../../lib/commands/fleet/fleet-commands.ts'
import { fleetConsent } from '../../../../lib/commands/fleet/fleet-consent.ts'
import { recordingConsole } from '../../../recording-console.ts'

const digest = `sha256:${'a'.repeat(64)}`

/** What a job without a terminal consents to. */
function consent(effect: 'nothing' | 'changes' | 'destroys', given: GivenFlags): ReturnType<typeof fleetConsent> {
  const clusters = ['infra', 'apps'].map((name) => ({ name, context: `c-${name}`, cluster: undefined, line: 1 }))
  const again = (...flags: readonly string[]): string => ['fleet', ...flags].join(' ')
  return fleetConsent({ command: 'drill', effect, clusters, digest, given, again, console: recordingConsole().console })
}

describe('a job', () => {
  test('that only looks needs no consent', async () => {
    expect(await consent('nothing', {})).toEqual({ changes: false, destroys: false })
  })

  test.each([
    ['changes' as const, {}, 'fleet --yes'],
    ['destroys' as const, {}, `fleet --yes --destroy=${digest}`],
    ['destroys' as const, { yes: true }, `fleet --destroy=${digest}`],
    ['destroys' as const, { destroy: digest }, 'fleet --yes'],
  ])('that %s with %j is reported all the flags it lacks, and begins nothing', async (effect, given, remedy) => {
    await expect(consent(effect, given)).rejects.toMatchObject({
      message: 'nothing was started: there is no terminal to ask for consent',
      kind: 'usage',
      remedy,
    })
  })

  test.each([
    ['changes' as const, { yes: true }, false],
    ['changes' as const, { yes: true, destroy: 'infra,apps' }, true],
    ['destroys' as const, { yes: true, destroy: 'apps,infra' }, true],
    ['destroys' as const, { yes: true, destroy: digest }, true],
  ])('that %s is given by %j', async (effect, given, destroys) => {
    expect(await consent(effect, given)).toEqual({ changes: true, destroys })
  })

  test.each([
    ['infra', '--destroy does not name the clusters of this run: it lacks apps. Nothing was started'],
    [
      'infra,aps',
      '--destroy does not name the clusters of this run: it names aps (did you mean apps?); it lacks apps. Nothing was started',
    ],
    ['infra,apps,edge', '--destroy does not name the clusters of this run: it names edge. Nothing was started'],
    ['sha256:0', `--destroy has the digest of another FILE: this one is ${digest}. Nothing was started`],
  ])('whose --destroy is %s does not consent to these clusters', async (destroy, message) => {
    await expect(consent('destroys', { yes: true, destroy })).rejects.toMatchObject({ message, kind: 'usage' })
  })
})
