import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { releaseStateOf } from '../../lib/flux/instance.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { type Hand, openHand, readPrinted } from '../lab/by-hand.ts'
import { untilRunning } from '../lab/harness.ts'
import { expectAll, namespace, type OlderLab, settings, startOlderLab } from '../lab/older-flux.ts'

// What flux-self-management.md tells people to type for an upgrade of the operator and of Flux, and for the rollback, typed.
let lab: OlderLab
let hand: Hand

beforeAll(async () => {
  lab = await startOlderLab()
})
afterAll(() => lab.close())
beforeEach(async () => {
  await lab.reset('old')
  hand = await openHand(lab)
  await untilRunning(lab)
})
afterEach(() => hand.close())

const raise = (): void => hand.edit(settings, (text) => text.replace('flux_version: "2.9.4"', 'flux_version: "2.9.5"'))

/** Puts the lab's charts and manifests into its registry under another number too: it has no newer operator. */
async function renumber(from: string, to: string): Promise<void> {
  const { registry } = await lab.access()
  for (const chart of ['flux-operator', 'flux-instance']) {
    await hand.run('helm', ['pull', '--plain-http', '--untar', `oci://${registry}/charts/${chart}`, '--version', from])
    await hand.run('helm', ['package', chart, '--version', to])
    await hand.run('helm', ['push', '--plain-http', `${chart}-${to}.tgz`, `oci://${registry}/charts`])
  }
  await hand.run('flux', ['tag', 'artifact', `oci://${registry}/flux-operator-manifests:v${from}`, '--tag', `v${to}`])
}

test('flux-self-management.md: the operator, then to 2.9.5, and back by a commit', async () => {
  await renumber('0.59.0', '0.60.0')
  const printed = await readPrinted('docs/runbooks/flux-self-management.md')
  const commands = printed.section('### Upgrade by hand')
  const itself = commands.findLastIndex(({ words }) => words.includes('scripts/validate.ts'))
  hand.edit(settings, (text) => text.replaceAll('0.59.0"', '0.60.0"'))
  await hand.type(printed, commands.slice(0, itself))
  const cluster = await lab.cluster('lab-infra')
  const release = await cluster.get({ ...fluxKinds.helmRelease, namespace, name: 'flux-operator' })
  expect(release === undefined ? undefined : releaseStateOf(release).chart).toBe('0.60.0')
  raise()
  await hand.type(printed, commands.slice(itself))
  await expectAll(lab, '2.9.5')
  const back = printed.section('### Rollback by hand')
  const ofMinor = back.findLastIndex(({ words }) => words.includes('revert'))
  await hand.type(printed, back.slice(0, ofMinor))
  await expectAll(lab, '2.9.4')
})
