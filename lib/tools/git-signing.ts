import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { shell } from '../process/command.ts'
import { childEnvironment } from '../process/environment.ts'
import { git, type Remote } from './git.ts'
import { gitWords } from './git-failure.ts'

/** How git is configured to sign a commit. */
export interface Signing {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** What gpg and ssh-keygen need to find a key, and to ask for its passphrase. */
const ofKeys = ['GNUPGHOME', 'GPG_TTY', 'SSH_AUTH_SOCK', 'DISPLAY'] as const

/** How commits to a remote are signed; with no key they are not. A path is an SSH key's, all else names a key of gpg's. */
export function signingFor({ signingKey: key }: Pick<Remote, 'signingKey'>): Signing {
  if (key === undefined) return { args: [], env: {} }
  const format = isSsh(key) ? 'ssh' : 'openpgp'
  const env = ofKeys.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]] as const]))
  return {
    args: [`gpg.format=${format}`, `user.signingKey=${key}`, 'commit.gpgSign=true'].flatMap((setting) => ['-c', setting]),
    env: Object.fromEntries(env),
  }
}

function isSsh(key: string): boolean {
  return key.includes('/')
}

/**
 * Signs a commit in a folder of its own, and verifies it as Flux will: with public keys alone.
 * @param trusted what the entries of Flux's Secret hold: keyrings of PGP keys, authorized keys of SSH
 * @returns why Flux would not take a commit so signed; undefined where it would
 */
export async function whyUntrusted(key: string, trusted: readonly string[], within: string): Promise<string | undefined> {
  const folder = await mkdtemp(join(within, 'signing-'))
  const { args, env } = signingFor({ signingKey: key })
  const here = { cwd: folder, env }
  try {
    await git(['init', '--quiet'], here)
    const author = ['-c', 'user.name=flux-runbook', '-c', 'user.email=flux-runbook@localhost']
    await git([...author, ...args, 'commit', '--quiet', '--allow-empty', '--message', 'a trial'], here)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    return `nothing can be signed with it: ${gitWords(error)}`
  }
  try {
    const verifying = isSsh(key) ? await knowsSsh(folder, trusted) : await knowsPgp(folder, trusted)
    await git([...verifying.args, 'verify-commit', 'HEAD'], { cwd: folder, env: { ...verifying.env } })
    return undefined
  } catch (error) {
    return `Flux does not know it: ${gitWords(error)}`
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function knowsSsh(folder: string, trusted: readonly string[]): Promise<Signing> {
  const file = join(folder, 'allowed-signers')
  const keys = trusted.flatMap((text) => text.split('\n')).filter((line) => /^(ssh|ecdsa|sk)-/.test(line))
  await writeFile(file, keys.map((line) => `* ${line}\n`).join(''))
  return { args: ['-c', 'gpg.format=ssh', '-c', `gpg.ssh.allowedSignersFile=${file}`], env: {} }
}

async function knowsPgp(folder: string, trusted: readonly string[]): Promise<Signing> {
  const home = join(folder, 'keyring')
  await mkdir(home, { mode: 0o700 })
  const env = { GNUPGHOME: home }
  for (const keyring of trusted.filter((text) => text.includes('BEGIN PGP'))) {
    await shell(childEnvironment(env), { input: keyring })`gpg --batch --quiet --no-autostart --import`.nothrow()
  }
  return { args: [], env }
}
