import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { releaseStateOf } from '../../lib/cluster/flux-instance.ts'
import { kinds } from '../../lib/cluster/objects.ts'
import { type Hand, openHand, readPrinted, rollBackByHand } from './by-hand.ts'
import { documentOf, untilRunning } from './harness.ts'
import { namespace, newTags, type OlderLab, oldTags, settings, startOlderLab, tags, unready } from './older-flux.ts'

// What the documents tell people to type for an upgrade and its way back, typed.
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

/** That Git, its releases and the operator agree on a version. */
async function expectAll(version: string): Promise<void> {
  const cluster = await lab.cluster('lab-infra')
  expect(await tags(cluster)).toEqual(version === '2.9.5' ? newTags : oldTags)
  expect(await unready(cluster)).toEqual([])
  expect(await lab.gitVersion()).toBe(`"${version}"`)
  // Nothing is left to do for the script: what was done by hand is as it would have done it.
  const again = await lab.run(version === '2.9.5' ? 'upgrade' : 'rollback', ['--lab', '--to', version, '--dry-run', '--json'])
  expect(documentOf(again), again.stderr).toMatchObject({ outcome: 'unchanged' })
}
const raise = (): void => hand.edit(settings, (text) => text.replace('flux_version: "2.9.4"', 'flux_version: "2.9.5"'))

test('flux-upgrade.md: to 2.9.5, and back in place', async () => {
  const printed = await readPrinted('docs/runbooks/flux-upgrade.md')
  raise()
  await hand.type(printed, printed.section('## Upgrade', '### By hand'))
  await expectAll('2.9.5')
  await rollBackByHand(hand, '2.9.4', false)
  await expectAll('2.9.4')
})

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
  const release = await cluster.get({ ...kinds.helmRelease, namespace, name: 'flux-operator' })
  expect(release === undefined ? undefined : releaseStateOf(release).chart).toBe('0.60.0')
  raise()
  await hand.type(printed, commands.slice(itself))
  await expectAll('2.9.5')
  const back = printed.section('### Rollback by hand')
  const ofMinor = back.findLastIndex(({ words }) => words.includes('revert'))
  await hand.type(printed, back.slice(0, ofMinor))
  await expectAll('2.9.4')
})
