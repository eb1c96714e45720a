import { execFile, execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import * as v from 'valibot'
import { parse, stringify } from 'yaml'
import { executablesHome } from '../../lab/home.ts'
import { layoutOf } from '../../lab/layout.ts'
import { registryLoginVariables } from '../../lab/registry-login.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { shownCommandsOf, type ShownCommand } from '../../lib/commands/validate/documents.ts'
import { type TestLab, withLogin } from './harness.ts'

/** A document that tells people what to type. */
export interface Printed {
  readonly text: string
  /** The commands of the section under this heading; with several, of the last within those before. */
  readonly section: (...headings: readonly string[]) => ShownCommand[]
}

export async function readPrinted(file: string): Promise<Printed> {
  const text = readFileSync(join(projectRoot, file), 'utf8')
  const all = await shownCommandsOf(projectRoot, file)
  const lines = text.split('\n')
  const depth = (line: string): number => /^#*/.exec(line)?.[0].length ?? 0
  return {
    text,
    section(...headings) {
      const start = headings.reduce((from, heading) => {
        const found = lines.indexOf(heading, from)
        if (found === -1) throw new Error(`${file} has no ${heading}`)
        return found
      }, 0)
      const next = lines.findIndex((line, at) => at > start && line.startsWith('##') && depth(line) <= depth(lines[start] ?? ''))
      return all.filter(({ line }) => line > start && (next === -1 || line < next))
    },
  }
}

/** A person at a shell, whose contexts are called as in the documents and whose programs, and lab, are the lab's. */
export interface Hand {
  readonly run: (program: string, words: readonly string[]) => Promise<string>
  /** Types the lines that these commands stand on, in their order, with these words in place of the document's. */
  readonly type: (printed: Printed, commands: readonly ShownCommand[], instead?: Readonly<Record<string, string>>) => Promise<void>
  /** Edits a file where the person types: in a checkout of the lab's Git, with these scripts in it. */
  readonly edit: (file: string, change: (text: string) => string) => void
  /** What the person's shell begins with. */
  readonly env: Record<string, string>
  /** The person's home folder; the checkout is in it. */
  readonly home: string
  /** A file there. */
  readonly path: (file: string) => string
  readonly close: () => void
}

export async function openHand(lab: TestLab): Promise<Hand> {
  const { git, kubeconfig, bin, registry } = await lab.access()
  const home = mkdtempSync(join(tmpdir(), 'frb-hand-'))
  const checkout = join(home, 'checkout')
  execFileSync('git', ['clone', '--quiet', withLogin(git), checkout])
  for (const part of ['scripts', 'lib', 'lab', 'package.json', '.npmrc'])
    cpSync(join(projectRoot, part), join(checkout, part), { recursive: true })
  symlinkSync(join(projectRoot, 'node_modules'), join(checkout, 'node_modules'))
  const own = join(home, 'kubeconfig')
  writeFileSync(own, readFileSync(kubeconfig, 'utf8').replaceAll(/lab-(?=infra|apps)/g, ''), { mode: 0o600 })
  writeFileSync(join(checkout, '.env'), `GIT_USERNAME=${git.username}\nGIT_PASSWORD=${git.password}\n`, { mode: 0o600 })
  const person = ['AUTHOR', 'COMMITTER'].flatMap((who) => [
    [`GIT_${who}_NAME`, 'A person'],
    [`GIT_${who}_EMAIL`, 'person@example.com'],
  ])
  const quiet = { SHLVL: '1', npm_config_update_notifier: 'false' } // else bash reads the startup file of a remote login
  const programs = {
    PATH: [bin, process.env.PATH].join(delimiter),
    XDG_CACHE_HOME: resolve(executablesHome(), '../..'),
    FLUX_LAB_HOME: lab.home,
    ...registryLoginVariables(layoutOf(lab.home)),
  }
  const env: Record<string, string> = { ...quiet, ...programs, HOME: home, KUBECONFIG: own, ...Object.fromEntries(person) }
  const run = async (program: string, words: readonly string[]): Promise<string> =>
    (await promisify(execFile)(program, [...words], { cwd: checkout, env })).stdout
  const edit = (file: string, change: (text: string) => string): void => {
    const path = join(checkout, file)
    writeFileSync(path, change(existsSync(path) ? readFileSync(path, 'utf8') : ''))
  }
  await run('kubectl', ['config', 'use-context', 'infra'])
  return {
    run,
    edit,
    env,
    home,
    path: (file) => join(checkout, file),
    async type({ text }, commands, instead = {}) {
      const words = { 'oci://ghcr.io/controlplaneio-fluxcd/charts': `--plain-http oci://${registry}/charts`, ...instead }
      for (const line of new Set(commands.map((command) => command.line))) {
        const printed = (text.split('\n')[line - 1] ?? '').trim()
        const typed = Object.entries(words).reduce((all, [theirs, ours]) => all.replaceAll(theirs, ours), printed)
        await run('bash', ['-euo', 'pipefail', '-c', typed])
      }
    },
    close: () => rmSync(home, { recursive: true, force: true }),
  }
}

const keptSchema = v.looseObject({
  metadata: v.looseObject({ name: v.string(), namespace: v.string(), labels: v.unknown(), annotations: v.unknown() }),
  spec: v.looseObject({ distribution: v.looseObject({ version: v.string() }) }),
})

/** Rolls back to this version as flux-upgrade.md says, with its commands and its edit of the saved file. */
export async function rollBackByHand(hand: Hand, version: string, isMinor: boolean): Promise<void> {
  const printed = await readPrinted('docs/runbooks/flux-upgrade.md')
  const commands = printed.section('## Rollback', '### By hand')
  const kept = commands.findIndex(({ words }) => words.includes('yaml')) + 1
  const letsGo = commands.findIndex(({ words }) => words.includes('delete')) + 1
  const instead = { '2.9.4': version }
  await hand.type(printed, commands.slice(0, kept), instead)
  hand.edit('fluxinstance.yaml', (text) => {
    const { status: _, ...object } = v.parse(keptSchema, parse(text))
    const { name, namespace, labels, annotations } = object.metadata
    const distribution = { ...object.spec.distribution, version }
    return stringify({ ...object, metadata: { name, namespace, labels, annotations }, spec: { ...object.spec, distribution } })
  })
  if (isMinor) await hand.type(printed, commands.slice(kept, letsGo), instead)
  await hand.type(printed, commands.slice(letsGo), instead)
}
