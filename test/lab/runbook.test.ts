import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, type Ref } from '../../lib/kubernetes/objects.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { shownCommandsOf, documentsIn, type ShownCommand } from '../../lib/commands/validate/documents.ts'
import { type Hand, openHand, type Printed, readPrinted } from './by-hand.ts'
import { startLab, type TestLab } from './harness.ts'

// What the runbook asks people to type by hand, typed. Upgrades and rollbacks are typed in upgrade-by-hand.test.ts and upgrade-minor.test.ts.
const runbook = 'docs/runbooks/flux-self-management.md'
const programs = ['kubectl', 'flux', 'helm']
let lab: TestLab
let cluster: Cluster
let hand: Hand
let printed: Printed
let all: readonly ShownCommand[]

beforeAll(async () => {
  all = (await Promise.all((await documentsIn(projectRoot)).map((file) => shownCommandsOf(projectRoot, file)))).flat()
  printed = await readPrinted(runbook)
  lab = await startLab(['infra'])
  cluster = await lab.cluster('lab-infra')
  hand = await openHand(lab)
  for (const file of ['age.key', 'git-password']) hand.edit(file, () => 'not a real one')
})
afterAll(async () => {
  hand.close()
  await lab.close()
})

/** The command's own words, without the flags that stand before them. */
function verbs(words: readonly string[]): string[] {
  const start = words.findIndex((word, at) => !word.startsWith('-') && words[at - 1]?.startsWith('--') !== true)
  const end = words.findIndex((word, at) => at > start && word.startsWith('-'))
  return words.slice(start, end === -1 ? undefined : end)
}

/** Looks, and what does no harm to a healthy Flux; the rest is typed with a dry run. */
function isHarmless({ program, words }: ShownCommand): boolean {
  const [verb = '', second = ''] = verbs(words)
  if (program === 'helm') return ['list', 'history'].includes(verb)
  if (program === 'flux') return true
  return ['get', 'describe', 'logs', 'wait', 'config'].includes(verb) || (verb === 'rollout' && second !== 'undo')
}

test('every flag by hand is one that the program has', { timeout: 300_000 }, async () => {
  const byHand = all.filter(({ program }) => programs.includes(program))
  const options = await hand.run('kubectl', ['options'])
  const help = new Map<string, Promise<string>>()
  const unknown = await Promise.all(
    byHand.map(async ({ program, words, file, line }) => {
      const own = verbs(words)
      const asked = [...own.filter((_, at) => own.slice(0, at + 1).every((word) => /^[a-z]+$/.test(word))), '--help']
      const key = `${program} ${asked.join(' ')}`
      const said = help.get(key) ?? hand.run(program, asked)
      help.set(key, said)
      const known = `${await said}${program === 'kubectl' ? options : ''}`
      const flags = words.filter((word) => word.startsWith('--') && word !== '--').map((word) => word.split('=')[0])
      return flags.filter((flag) => !known.includes(`${flag}`)).map((flag) => `${file}:${line}: ${key} has no ${flag}`)
    }),
  )
  expect(unknown.flat()).toEqual([])
})

test('every git command by hand is one of git', async () => {
  for (const verb of new Set(all.filter(({ program }) => program === 'git').map(({ words }) => verbs(words)[0] ?? ''))) {
    // It exits with 129.
    const said = await promisify(execFile)('git', [verb, '-h']).catch(
      (error: unknown) => String(Object(error).stdout) + String(Object(error).stderr),
    )
    expect(said).toContain(`usage: git ${verb}`)
  }
})

describe('by hand', () => {
  test('an empty cluster becomes a Flux that manages itself', async () => {
    const { git, settings } = await lab.access()
    hand.edit('git-password', () => git.password)
    const [, block = ''] = /```yaml\n([^]*?) *```/.exec(printed.text) ?? []
    const values = block
      .replace(/artifact: .*/, `artifact: ${settings['distribution_artifact']}`)
      .replace(/url: .*/, `url: ${git.url}`)
      .replaceAll(/^ {3}/gm, '')
    hand.edit('values.yaml', () => values)
    // There is no SOPS file in this tree.
    await hand.type(
      printed,
      printed.section('### Bootstrap by hand').filter(({ words }) => !words.includes('sops-age')),
    )
    // Nothing is left to do for the script: what was made by hand is as it would have made it.
    const outcome = async (): Promise<string> => (await lab.run('bootstrap', ['--lab', '--dry-run'])).stdout
    await expect.poll(outcome, { timeout: 240_000, interval: 5_000 }).toContain('nothing to do: everything is as Git says')
  })

  test('each command that reads is one that a healthy cluster answers, and each change one that it would take', async () => {
    for (const command of all.filter(({ file, program }) => file === runbook && programs.includes(program))) {
      const { program, words } = command
      if (words.includes('--for=condition=Stalled')) continue // to which a healthy cluster does not come
      const verb = verbs(words)[0] ?? ''
      // Only a shell knows what $() is; such lines request a reconciliation, or wait for one.
      if (words.some((word) => word.includes('$('))) await hand.type(printed, [command])
      else if (program === 'flux' && ['install', 'create'].includes(verb)) await hand.run(program, [...words, '--export'])
      else if (isHarmless(command)) await hand.run(program, words)
      else if (program === 'kubectl' && !words.includes('--filename=-'))
        await hand.run(program, [...words, verb === 'create' ? '--dry-run=client' : '--dry-run=server'])
    }
  })

  const controllers = async (): Promise<string[]> => {
    const found = await cluster.list(kinds.deployment, { namespace: 'flux-system', labels: 'app.kubernetes.io/part-of=flux' })
    return found.map(({ metadata }) => metadata.name)
  }
  const remove = async (...names: string[]): Promise<void> => {
    await hand.run('kubectl', ['--namespace', 'flux-system', 'delete', 'deployment', ...names])
  }
  const account: Ref = { ...kinds.serviceAccount, namespace: 'flux-system', name: 'source-controller' }
  const byHand = (heading: string): ShownCommand[] => printed.section(heading).filter(({ program }) => programs.includes(program))

  test('deleted controllers come back', async () => {
    const before = await controllers()
    await remove(...before)
    await hand.type(printed, byHand('### 1. Controllers deleted'))
    expect(await controllers()).toEqual(before)
  })

  test('a deleted ServiceAccount comes back, and its controller logs in again', async () => {
    const before = await cluster.get(account)
    await hand.run('kubectl', ['--namespace', 'flux-system', 'delete', 'serviceaccount', account.name])
    await hand.type(printed, byHand('### 5. A single part lost'))
    const isBack = async (): Promise<boolean> => {
      const uid = (await cluster.get(account))?.metadata.uid
      return uid !== undefined && uid !== before?.metadata.uid
    }
    await expect.poll(isBack, { timeout: 120_000 }).toBe(true)
  })

  test('what is needed to tell one failure mode from another is there to be seen', () =>
    hand.type(printed, byHand('### Every failure mode')))

  test('a deleted operator comes back, and with the controllers too', async () => {
    const commands = byHand('### 2. Operator deleted')
    const pull = commands.findIndex(({ program }) => program === 'helm')
    await remove('flux-operator')
    await hand.type(printed, commands.slice(0, pull))
    const before = await controllers()
    await remove('flux-operator', ...before)
    await hand.type(printed, commands.slice(pull))
    await expect.poll(controllers, { timeout: 120_000 }).toEqual(before)
  })
})
