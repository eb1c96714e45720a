import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { projectRoot } from '../../../lib/base/paths.ts'
import { shellQuote } from '../../../lib/base/shell-line.ts'
import { openHand, type Hand } from '../../lab/by-hand.ts'
import { placeCaptureKey } from '../../lab/capture-key.ts'
import { commitFile, type TestLab, untilRunning, withLogin } from '../../lab/harness.ts'
import { inTerminal, keys, type Reply } from '../../lab/terminal.ts'
import type { Beginning } from './page.ts'
import type { ShownLine } from './shown-lines.ts'

/** Where a person pastes what a page shows: a terminal in the root of a checkout, which is the folder that the pages name. */
export interface Desk extends Hand {
  readonly lab: TestLab
  /** The words of a page that stand for a person's own: an address, a key, a disk. */
  readonly own: ReadonlyMap<string, string>
  /** Pastes a command; answers what it asks with consent. */
  readonly paste: (command: string, stopAt?: RegExp) => Promise<Pasted>
  /** Types a command that is to succeed: what a page expects to have been done. */
  readonly done: (command: string) => Promise<string>
}

export interface Pasted {
  readonly code: number
  readonly screen: string
}

/** Tracked files of this checkout but those that the lab's Git has, and the tests. */
function copyCheckout(folder: string): void {
  const listed = execFileSync('git', ['ls-files', '-z', '--', '.', ':!kubernetes', ':!test'], { cwd: projectRoot, encoding: 'utf8' })
  for (const file of listed.split('\0').filter((one) => one !== '' && existsSync(join(projectRoot, one)))) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    copyFileSync(join(projectRoot, file), join(folder, file))
  }
}

/** A person's own words for those of the pages. */
async function ownWords(lab: TestLab, home: string, recipient: string): Promise<ReadonlyMap<string, string>> {
  const { registry, git } = await lab.access()
  return new Map([
    ['oci://ghcr.io/controlplaneio-fluxcd/charts', `--plain-http oci://${registry}/charts`],
    ['https://git.example.com/your-organisation/your-repository.git', git.url],
    ['https://github.com/ORG/fleet#main', `${git.anonymousUrl}#other`],
    ['age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq0zaq9x', recipient],
    ['age1…', recipient],
    ['/media/usb', join(home, 'usb')],
    ['/mnt/backup', join(home, 'backup')],
    ['--user=NAME', '--user=someone'],
  ])
}

/** What a person has at hand: keys, another repository, programs that npm installs for its user alone. */
async function equip({ env, home, edit, path }: Hand, lab: TestLab): Promise<ReadonlyMap<string, string>> {
  for (const folder of ['usb', 'backup', 'npm/bin', 'captures']) mkdirSync(join(home, folder), { recursive: true })
  const recipient = await placeCaptureKey({ edit }, join(home, 'keys', 'capture.txt'))
  cpSync(join(projectRoot, 'test/fixtures/trees/fleet'), join(home, 'fleet'), { recursive: true })
  copyFileSync(join(home, 'fleet', 'values.yaml'), path('values.yaml'))
  const git = (...args: string[]): Buffer => execFileSync('git', ['-C', join(home, 'fleet'), ...args], { env, stdio: 'pipe' })
  git('init', '--quiet', '--initial-branch=main')
  git('add', '--all')
  git('commit', '--quiet', '--message=The fleet')
  writeFileSync(
    join(home, 'fleet.yaml'),
    'clusters:\n  - {name: infra, context: infra, wave: canary}\n  - {name: apps, context: apps, wave: rest}\nwaves:\n  - {name: canary}\n  - {name: rest}\n',
  )
  return ownWords(lab, home, recipient)
}

export async function openDesk(lab: TestLab): Promise<Desk> {
  const hand = await openHand(lab)
  copyCheckout(hand.path('.'))
  // The same cluster by another name, which no folder is called by.
  await hand.run('kubectl', ['config', 'set-context', 'prod', '--cluster=infra', '--user=infra'])
  const own = await equip(hand, lab)
  const env = {
    ...hand.env,
    PATH: [join(hand.home, 'npm', 'bin'), hand.env['PATH']].join(':'),
    npm_config_prefix: join(hand.home, 'npm'),
    npm_config_audit: 'false',
    npm_config_fund: 'false',
  }
  const paste: Desk['paste'] = async (command, stopAt) => {
    const session = inTerminal(`set -o pipefail; ${command}`, env, hand.path('.'))
    const stopped = stopAt === undefined ? undefined : session.said(stopAt).then(() => session.press(keys.ctrlC))
    await Promise.all([session.answers(repliesTo(command)), stopped])
    return session.ended
  }
  return {
    ...hand,
    env,
    lab,
    own,
    paste,
    async done(command) {
      const { code, screen } = await paste(command)
      if (code !== 0) throw new Error(`${command} ended with ${code}:\n${screen}`)
      return screen
    },
  }
}

/** What a person answers: the step and all that remain, and the name that is asked for. */
function repliesTo(command: string): Reply[] {
  const [, context = command.includes(' --lab') ? 'lab-infra' : 'infra'] = /--context[ =]([\w-]+)/.exec(command) ?? []
  const [, fleetCommand = ''] = /fleet\.ts ([\w-]+)/.exec(command) ?? []
  return [
    ['What now?', `${keys.up}${keys.up}${keys.enter}`], // the last but one: all remaining steps, start over, begin
    ["type the context's name", `${context}${keys.enter}`],
    ['type the command and the number of clusters', `${fleetCommand} 2${keys.enter}`],
  ]
}

/** The line with the person's own words in it; where it needs what an earlier one of its block has set in the shell, behind that. */
export function typedAs({ own }: Desk, line: ShownLine, all: readonly ShownLine[]): string {
  const setting = all.filter(({ block, at, text }) => block === line.block && at < line.at && text.startsWith('eval '))
  const text = [...setting, line].map((one) => one.text).join('\n')
  return [...own].reduce((typed, [theirs, ours]) => typed.replaceAll(theirs, ours), text)
}

const settings = (name: string): string => `kubernetes/clusters/${name}/settings.yaml`

/** Brings the lab to where a page begins: both clusters empty, with Flux 2.9.4 or with 2.9.5; what was made once is kept as a snapshot. */
export async function begin(lab: TestLab, from: Beginning): Promise<void> {
  const isKept = (name: Beginning): boolean => existsSync(join(lab.home, 'snapshots', name))
  if (!isKept('empty')) await lab.snapshot('empty')
  if (isKept(from)) await lab.reset(from)
  else {
    await lab.reset('empty')
    await bootstrapBoth(lab, from === 'old')
    await lab.snapshot(from)
  }
  if (from !== 'empty') await untilRunning(lab)
}

async function bootstrapBoth(lab: TestLab, isOlder: boolean): Promise<void> {
  const { git } = await lab.access()
  const desk = await openDesk(lab)
  for (const name of ['infra', 'apps']) {
    if (isOlder) commitFile(withLogin(git), settings(name), (text) => text.replace('flux_version: "2.9.5"', 'flux_version: "2.9.4"'))
    await desk.done(`npx zx scripts/bootstrap.ts --context ${name} --yes`)
  }
  desk.close()
}

/** Puts a tree into a branch of the lab's Git, as another repository would have it. */
export function pushTree(desk: Desk, tree: string, url: string): void {
  const folder = join(desk.home, 'pushed')
  cpSync(join(projectRoot, 'test/fixtures/trees', tree), folder, { recursive: true })
  const commands = ['init --quiet', 'add --all', 'commit --quiet --message=Tree', `push --quiet ${shellQuote(url)} HEAD:refs/heads/other`]
  for (const command of commands) execFileSync('bash', ['-c', `git ${command}`], { cwd: folder, env: desk.env, stdio: 'pipe' })
}
