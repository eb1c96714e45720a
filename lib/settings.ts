import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { parse } from 'dotenv'
import { OperatorError } from './errors.ts'
import type { GitLogin } from './git.ts'
import type { Redactor } from './redactor.ts'

/** The checkout this script belongs to. */
export const projectRoot = resolve(import.meta.dirname, '..')

/** Every variable of .env.example; the environment wins over the file. */
export const variables = [
  'GIT_USERNAME',
  'GIT_PASSWORD',
  'GIT_SSH_KEY_FILE',
  'GIT_KNOWN_HOSTS_FILE',
  'GIT_CA_FILE',
  'SOPS_AGE_KEY_FILE',
  'REGISTRY_USERNAME',
  'REGISTRY_PASSWORD',
  'REGISTRY_CA_FILE',
  'LOCK_NAMESPACE',
  'CAPTURE_RECIPIENTS',
  'CAPTURE_IDENTITY_FILE',
  'PULUMI_DIR',
  'PULUMI_STACK',
  'PULUMI_BUILD',
  'PULUMI_SECRETS',
  'PULUMI_BACKEND_URL',
  'PULUMI_ACCESS_TOKEN',
  'PULUMI_CONFIG_PASSPHRASE',
  'PULUMI_CONFIG_PASSPHRASE_FILE',
  'SLACK_WEBHOOK_URL',
  'ALERTMANAGER_URL',
  'ALERTMANAGER_USERNAME',
  'ALERTMANAGER_PASSWORD',
  'ALERTMANAGER_CA_FILE',
  'ALERTMANAGER_MATCHERS',
  'PROMETHEUS_URL',
] as const
export type Variable = (typeof variables)[number]
export type Settings = Readonly<Partial<Record<Variable, string>>>

const secretVariables: readonly Variable[] = [
  'GIT_PASSWORD',
  'REGISTRY_PASSWORD',
  'PULUMI_ACCESS_TOKEN',
  'PULUMI_CONFIG_PASSPHRASE',
  'SLACK_WEBHOOK_URL',
  'ALERTMANAGER_PASSWORD',
]

/** What `.env` says of the person's own servers and clusters, none of which is the lab. */
const isOfTheirs = (name: string): boolean => /^(GIT|REGISTRY)_/.test(name) || name === 'LOCK_NAMESPACE'

/**
 * Reads `.env` of the checkout and the environment, without pouring either into the environment of children. For the lab, which has
 * logins of its own, the file's are left out.
 * @returns the settings, and warnings about the file
 */
export async function readSettings(
  redactor: Redactor,
  { file = join(projectRoot, '.env'), isLab = false }: { file?: string; isLab?: boolean } = {},
): Promise<{ settings: Settings; warnings: string[] }> {
  const warnings: string[] = []
  const content = await readFile(file, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return undefined
    throw new OperatorError(`${file} cannot be read: ${String(error)}`, { kind: 'usage' })
  })
  if (content !== undefined && ((await stat(file)).mode & 0o077) !== 0) {
    warnings.push(`${file} can be read by others: chmod 600 ${file}`)
  }
  const fromFile = parse(content ?? '')
  const settings: Partial<Record<Variable, string>> = {}
  for (const name of variables) {
    const value = process.env[name] ?? (isLab && isOfTheirs(name) ? undefined : fromFile[name])
    if (value === undefined || value === '') continue
    settings[name] = value
    if (secretVariables.includes(name)) redactor.hide(value)
  }
  return { settings, warnings }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/**
 * How to log in to Git, from the settings.
 * @throws OperatorError `usage` where half of a login is given
 */
export function gitLoginOf(settings: Settings): GitLogin {
  const { GIT_USERNAME: username, GIT_PASSWORD: password, GIT_SSH_KEY_FILE: keyFile, GIT_KNOWN_HOSTS_FILE: knownHostsFile } = settings
  if (keyFile !== undefined) {
    if (knownHostsFile !== undefined) return { kind: 'ssh', keyFile: expand(keyFile), knownHostsFile: expand(knownHostsFile) }
    throw new OperatorError('GIT_SSH_KEY_FILE is set, but GIT_KNOWN_HOSTS_FILE is not: the server could be anybody', {
      kind: 'usage',
      remedy: 'put the host keys that your Git server publishes into a file and name it in GIT_KNOWN_HOSTS_FILE',
    })
  }
  const trust = settings.GIT_CA_FILE === undefined ? {} : { caFile: expand(settings.GIT_CA_FILE) }
  if (password === undefined && username === undefined) return { kind: 'none', ...trust }
  if (password === undefined || username === undefined) {
    throw new OperatorError(`${password === undefined ? 'GIT_USERNAME' : 'GIT_PASSWORD'} is set without the other half of the login`, {
      kind: 'usage',
      remedy: 'set both GIT_USERNAME and GIT_PASSWORD, or neither (.env.example)',
    })
  }
  return { kind: 'password', username, password, ...trust }
}

/** A file named in the settings: `~` is the person's home. */
export function expand(path: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(projectRoot, path)
}
