import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster } from '../../lib/cluster/cluster.ts'
import { kinds } from '../../lib/cluster/objects.ts'
import { projectRoot } from '../../lib/settings.ts'
import { commandsOf, documentsIn, type ShownCommand } from '../../lib/validate/documents.ts'
import { startLab, type TestLab } from './harness.ts'

// What people are told to type by hand, typed: on a cluster whose context is called as in the runbook.
const runbook = 'docs/runbooks/flux-self-management.md'
const text = readFileSync(join(projectRoot, runbook), 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'frb-runbook-'))
const programs = ['kubectl', 'flux', 'helm']
let lab: TestLab
let cluster: Cluster
let env: NodeJS.ProcessEnv
let all: readonly ShownCommand[]

beforeAll(async () => {
  all = (await Promise.all((await documentsIn(projectRoot)).map((file) => commandsOf(projectRoot, file)))).flat()
  lab = await startLab(['infra'])
  cluster = await lab.cluster('lab-infra')
  const { kubeconfig, bin } = await lab.access()
  const own = join(folder, 'kubeconfig')
  writeFileSync(own, readFileSync(kubeconfig, 'utf8').replaceAll('lab-infra', 'infra'), { mode: 0o600 })
  env = { PATH: [bin, process.env.PATH].join(delimiter), HOME: folder, KUBECONFIG: own }
  for (const file of ['age.key', 'git-password']) writeFileSync(join(folder, file), 'not a real one')
})
afterAll(async () => {
  await lab.close()
  rmSync(folder, { recursive: true, force: true })
})

async function run(program: string, words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, [...words], { cwd: folder, env })
  return stdout
}

/** Types the lines that these commands stand on, with the lab's registry in place of the internet's. */
async function type(commands: readonly ShownCommand[]): Promise<void> {
  const { registry } = await lab.access()
  for (const line of new Set(commands.map((command) => command.line))) {
    const typed = (text.split('\n')[line - 1] ?? '').replace(
      'oci://ghcr.io/controlplaneio-fluxcd/charts',
      `--plain-http oci://${registry}/charts`,
    )
    await run('bash', ['-euo', 'pipefail', '-c', typed])
  }
}

/** The commands of the runbook's section under this heading. */
function section(heading: string): ShownCommand[] {
  const lines = text.split('\n')
  const depth = (line: string): number => /^#*/.exec(line)?.[0].length ?? 0
  const start = lines.indexOf(heading)
  const next = lines.findIndex((line, at) => at > start && line.startsWith('##') && depth(line) <= depth(heading))
  return all.filter(({ file, line }) => file === runbook && line > start && (next === -1 || line < next))
}

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
  const options = await run('kubectl', ['options'])
  const help = new Map<string, Promise<string>>()
  const unknown = await Promise.all(
    byHand.map(async ({ program, words, file, line }) => {
      const own = verbs(words)
      const asked = [...own.filter((_, at) => own.slice(0, at + 1).every((word) => /^[a-z]+$/.test(word))), '--help']
      const key = `${program} ${asked.join(' ')}`
      const said = help.get(key) ?? run(program, asked)
      help.set(key, said)
      const known = `${await said}${program === 'kubectl' ? options : ''}`
      const flags = words.filter((word) => word.startsWith('--') && word !== '--').map((word) => word.split('=')[0])
      return flags.filter((flag) => !known.includes(`${flag}`)).map((flag) => `${file}:${line}: ${key} knows no ${flag}`)
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
    writeFileSync(join(folder, 'git-password'), git.password)
    const [, block = ''] = /```yaml\n([^]*?) *```/.exec(text) ?? []
    const values = block
      .replace(/artifact: .*/, `artifact: ${settings['distribution_artifact']}`)
      .replace(/url: .*/, `url: ${git.url}`)
      .replaceAll(/^ {3}/gm, '')
    writeFileSync(join(folder, 'values.yaml'), values)
    // There is no SOPS file in this tree.
    await type(section('### Bootstrap by hand').filter(({ words }) => !words.includes('sops-age')))
    // Nothing is left to do for the script: what was made by hand is as it would have made it.
    const outcome = async (): Promise<string> => (await lab.run('bootstrap', ['--lab', '--dry-run'])).stderr
    await expect.poll(outcome, { timeout: 240_000, interval: 5_000 }).toContain('nothing to do: everything is as Git says')
  })

  test('each look is one that a healthy cluster answers, and each change one that it would take', async () => {
    for (const command of all.filter(({ file, program }) => file === runbook && programs.includes(program))) {
      const { program, words } = command
      const verb = verbs(words)[0] ?? ''
      if (isHarmless(command)) await run(program, words)
      else if (program === 'kubectl' && !words.includes('--filename=-'))
        await run(program, [...words, verb === 'create' ? '--dry-run=client' : '--dry-run=server'])
    }
  })

  const controllers = async (): Promise<string[]> => {
    const found = await cluster.list(kinds.deployment, { namespace: 'flux-system', labels: 'app.kubernetes.io/part-of=flux' })
    return found.map(({ metadata }) => metadata.name)
  }
  const remove = async (...names: string[]): Promise<void> => {
    await run('kubectl', ['--namespace', 'flux-system', 'delete', 'deployment', ...names])
  }
  const byHand = (heading: string): ShownCommand[] => section(heading).filter(({ program }) => programs.includes(program))

  test('deleted controllers come back', async () => {
    const before = await controllers()
    await remove(...before)
    await type(byHand('### 1. Controllers deleted'))
    expect(await controllers()).toEqual(before)
  })

  test('a deleted operator comes back, and with the controllers too', async () => {
    const commands = byHand('### 2. Operator deleted')
    const pull = commands.findIndex(({ program }) => program === 'helm')
    await remove('flux-operator')
    await type(commands.slice(0, pull))
    const before = await controllers()
    await remove('flux-operator', ...before)
    await type(commands.slice(pull))
    await expect.poll(controllers, { timeout: 120_000 }).toEqual(before)
  })
})
