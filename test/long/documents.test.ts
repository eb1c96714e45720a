import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateX25519Identity } from 'age-encryption'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { labAccess } from '../../lab/client.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { documentsIn, type ShownCommand, shownCommandsOf } from '../../lib/commands/validate/documents.ts'
import { recipientsOf } from '../../lib/tools/sops.ts'
import { type Hand, openHand } from '../lab/by-hand.ts'
import { bootstrapCluster, commitFile, startLab, type TestLab, untilRunning, withLogin } from '../lab/harness.ts'

// Every line of every page, typed in the order of the page, in the folder that it names. What another test types is named here.
const elsewhere: readonly (readonly [page: RegExp, line: RegExp, test: string])[] = [
  [/^README/, /^npm (start|test)/, 'test/lab/bootstrap.test.ts'],
  [/^(README|docs\/installed)/, /^(npm (pack|install)|flux-runbook )/, 'test/lab/installed.test.ts'],
  [/^README/, /lab\.ts up --flux /, 'test/commands/lab-build.test.ts'],
  [/^docs\/pulumi/, /./, 'test/pulumi/rebuild.test.ts'],
  [/self-management/, /^(kubectl|flux|helm|git) |validate\.ts kubernetes$/, 'test/lab/runbook.test.ts'],
  [/flux-upgrade/, /^(kubectl|flux|git) /, 'test/lab/upgrade-by-hand.test.ts'],
  [/./, /--scenario (all|each-loss|git-gone,flux-deleted)/, 'test/lab/drill.test.ts'],
  [/./, /(rebuild|upgrade)\.ts .*--resume/, 'test/long/upgrade-endings.test.ts'],
  [/./, /fleet\.ts --resume/, 'test/lab/fleet.test.ts'],
  [/^docs\/fleet/, /--clusters infra,apps,edge|fleet\.ts .*--lab/, 'test/long/fleet.test.ts'],
  [/^docs\/how-it-works/, /port-forward/, 'test/lab/lab.test.ts'], // the lab's node forwards no ports
]

/** What is said at the prompts, in the flags of a job. */
const consents: Readonly<Record<string, string>> = {
  ...Object.fromEntries(['bootstrap', 'upgrade', 'rollback', 'restore', 'fleet'].map((script) => [script, ' --yes'])),
  ...Object.fromEntries(['teardown', 'rebuild', 'recover'].map((script) => [script, ' --yes --destroy=infra'])),
}

let lab: TestLab
let hand: Hand

beforeAll(async () => {
  lab = await startLab(['infra', 'apps'], { olderFlux: ['2.9.4'], start: { name: 'old', make: bootstrapBoth } })
  await lab.snapshot('old')
})
afterAll(() => lab.close())

beforeEach(async () => {
  await reset()
  hand = await openHand(lab)
  await prepare()
})
afterEach(() => hand.close())

async function bootstrapBoth(): Promise<void> {
  const { git } = await labAccess()
  for (const cluster of ['infra', 'apps']) {
    const file = `kubernetes/clusters/${cluster}/settings.yaml`
    commitFile(withLogin(git), file, (text) => text.replace('flux_version: "2.9.5"', 'flux_version: "2.9.4"'))
    await bootstrapCluster(`lab-${cluster}`)
  }
}

async function reset(): Promise<void> {
  await lab.reset('old')
  await untilRunning(lab)
}

/** What the pages suppose a person to have: keys, a captured cluster, a fleet, a repository beside this one, and a context `prod`. */
async function prepare(): Promise<void> {
  const home = hand.path('..')
  for (const folder of ['keys', 'captures', 'usb', 'backup']) mkdirSync(join(home, folder))
  const identity = await generateX25519Identity()
  const [recipient = ''] = (await recipientsOf([identity])) ?? []
  writeFileSync(join(home, 'keys/capture.txt'), `${identity}\n`, { mode: 0o600 })
  hand.edit('.env', (text) => `${text}CAPTURE_RECIPIENTS=${recipient}\nCAPTURE_IDENTITY_FILE=${join(home, 'keys/capture.txt')}\n`)
  cpSync(join(projectRoot, 'test/fixtures/trees/fleet'), join(home, 'fleet'), { recursive: true })
  cpSync(join(home, 'fleet/values.yaml'), hand.path('values.yaml'))
  const [, fleet = ''] = /```yaml\n(clusters:[^]*?)```/.exec(readFileSync(join(projectRoot, 'docs/fleet.md'), 'utf8')) ?? []
  writeFileSync(join(home, 'fleet.yaml'), fleet.replace(/soak: \w+/g, 'soak: 1s'))
  const shown = await hand.run('kubectl', [
    'config',
    'view',
    '--minify',
    '--output',
    'jsonpath={.contexts[0].context.cluster} {.contexts[0].context.user}',
  ])
  const [cluster = '', user = ''] = shown.split(' ')
  await hand.run('kubectl', ['config', 'set-context', 'prod', '--cluster', cluster, '--user', user])
}

/** How things are where a page has come to this heading, or to this command. */
const before: readonly (readonly [page: RegExp, line: RegExp, prepared: () => Promise<unknown>])[] = [
  [/^README/, /lab\.ts up --clusters/, () => lab.reset('empty-infra-apps')],
  [
    /^docs\/commands/,
    /^npx zx scripts\/(teardown|rebuild|capture|health-check|recover|upgrade|drill|fleet)\.ts --context infra( --dry-run)?$/,
    reset,
  ],
  [/./, /(recover|restore)\.ts .*--from ~/, captured],
  [/self-management/, /recover\.ts .*--new-cluster/, () => lab.run('lab', ['wipe', '--context', 'lab-infra'])],
  [/^docs\/commands/, /--resume-suspended FluxInstance/, () => annotate('disabled')],
]

async function captured(): Promise<void> {
  if (!existsSync(hand.path('../infra.age')))
    await hand.run('npx', ['zx', 'scripts/capture.ts', '--context', 'infra', '--out', hand.path('../infra.age')])
}

async function annotate(value: string): Promise<void> {
  await lab.kubectl(
    '--namespace',
    'flux-system',
    'annotate',
    'fluxinstance/flux',
    `fluxcd.controlplane.io/reconcile=${value}`,
    '--overwrite',
  )
}

const isElsewhere = (file: string, typed: string): string | undefined =>
  elsewhere.find(([page, line]) => page.test(file) && line.test(typed))?.[2]

/** The lines of a page on which its commands stand, each once. */
async function linesOf(file: string): Promise<string[]> {
  const text = readFileSync(join(projectRoot, file), 'utf8').split('\n')
  const commands: ShownCommand[] = await shownCommandsOf(projectRoot, file)
  return [...new Set(commands.map(({ line }) => line))].map((line) => (text[line - 1] ?? '').trim())
}

/** A line as it is typed: with the lab's addresses, this test's folders, and the consent. */
async function asTyped(line: string): Promise<string> {
  const { git } = await lab.access()
  const home = hand.path('..')
  const [, script = ''] = /scripts\/([\w-]+)\.ts/.exec(line) ?? []
  const asks = !/--(dry-run|yes|list)|fleet\.ts (status|health-check)/.test(line)
  const recipient = (await recipientsOf([readFileSync(join(home, 'keys/capture.txt'), 'utf8').trim()]))?.[0] ?? ''
  const words = {
    'https://github.com/ORG/fleet': git.anonymousUrl,
    'age1…': recipient,
    '/media/usb': join(home, 'usb'),
    '/mnt/backup': join(home, 'backup'),
  }
  const typed = Object.entries(words).reduce((all, [theirs, ours]) => all.replaceAll(theirs, ours), line.replace(/ +#.*/, ''))
  const fix = /health-check\.ts .*--fix/.test(line) ? ' --yes' : ''
  return `${typed}${asks ? (consents[script] ?? '') : ''}${fix}`
}

const pages = (await documentsIn(projectRoot)).filter((file) => file !== 'README.md')

test.each([...pages, 'README.md'])('%s', async (file) => {
  const lines = await linesOf(file)
  const failed: string[] = []
  for (const line of lines) {
    const other = isElsewhere(file, line)
    if (other !== undefined) {
      expect(existsSync(join(projectRoot, other)), other).toBe(true)
      continue
    }
    for (const [page, start, prepared] of before) if (page.test(file) && start.test(line)) await prepared()
    const typed = await asTyped(line)
    await hand.run('bash', ['-euo', 'pipefail', '-c', typed]).catch((error: unknown) => failed.push(`${line}\n${String(error)}`))
  }
  expect(failed).toEqual([])
})
