import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'dotenv'
import { OperatorError } from '../base/errors.ts'
import { type GitLogin, originOf } from '../tools/git-login.ts'
import type { Redactor } from '../base/redactor.ts'
import type { Remote } from '../tools/git.ts'
import { type RegistryLogin, registryOf } from '../tools/registry-login.ts'
import { expandHome, isInstalledCommand, packageRoot, projectRoot } from '../base/paths.ts'
import { shellQuote } from '../base/shell-line.ts'

/** Every variable of .env.example; the environment wins over the file. */
export const variables = [
  'GIT_USERNAME',
  'GIT_PASSWORD',
  'GIT_SSH_KEY_FILE',
  'GIT_KNOWN_HOSTS_FILE',
  'GIT_CA_FILE',
  'GIT_ORIGIN',
  'GIT_SIGNING_KEY',
  'SOPS_AGE_KEY_FILE',
  'REGISTRY_USERNAME',
  'REGISTRY_PASSWORD',
  'REGISTRY_CA_FILE',
  'REGISTRY_HOSTS',
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
  'PULUMI_HOME',
  'SLACK_WEBHOOK_URL',
  'ALERTMANAGER_URL',
  'ALERTMANAGER_USERNAME',
  'ALERTMANAGER_PASSWORD',
  'ALERTMANAGER_CA_FILE',
  'ALERTMANAGER_MATCHERS',
  'PROMETHEUS_URL',
  'FLEET_IMAGE',
] as const
export type SettingName = (typeof variables)[number]
export type Settings = Readonly<Partial<Record<SettingName, string>>>

const secretVariables: readonly SettingName[] = [
  'GIT_PASSWORD',
  'REGISTRY_PASSWORD',
  'PULUMI_ACCESS_TOKEN',
  'PULUMI_CONFIG_PASSPHRASE',
  'SLACK_WEBHOOK_URL',
  'ALERTMANAGER_PASSWORD',
]

/** What of `.env` holds for the lab too: keys. All else is of the person's own servers, whom a lab is nothing to: not reported, not silenced, not asked. */
const keysForLab: readonly SettingName[] = ['SOPS_AGE_KEY_FILE', 'CAPTURE_RECIPIENTS', 'CAPTURE_IDENTITY_FILE']

/**
 * Reads `.env` of the checkout and the environment, without pouring either into the environment of children. For the lab, which has
 * logins of its own and concerns nobody else, the file's servers and logins are left out.
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
  if (content !== undefined) {
    const { uid, mode } = await stat(file)
    if (!(await mayDecide(uid))) {
      throw new OperatorError(`${file} belongs to another user (uid ${uid}), who would decide where your logins are sent`, {
        kind: 'usage',
        remedy: `ls -l ${shellQuote(file)}; if it is yours: sudo chown "$(id -u)" ${shellQuote(file)}`,
      })
    }
    if ((mode & 0o077) !== 0) {
      warnings.push(`${file} can be ${(mode & 0o022) === 0 ? 'read' : 'changed'} by others: chmod 600 ${shellQuote(file)}`)
    }
  }
  const fromFile = parse(content ?? '')
  const settings: Partial<Record<SettingName, string>> = {}
  for (const name of variables) {
    const value = process.env[name] ?? (isLab && !keysForLab.includes(name) ? undefined : fromFile[name])
    if (value === undefined || value === '') continue
    settings[name] = value
    if (secretVariables.includes(name)) redactor.hide(value)
  }
  return { settings, warnings }
}

/** Whether a user's settings are followed: this user's own, root's, and of a checkout those of the user whose code this is. */
async function mayDecide(uid: number): Promise<boolean> {
  const me = process.getuid?.()
  return me === undefined || [me, 0].includes(uid) || (!isInstalledCommand && uid === (await stat(packageRoot)).uid)
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/**
 * How to log in to Git, from the settings. The login belongs to the origin that they name, else to that of the URL. Where neither says whose
 * it is, it belongs to no server: there is none.
 * @throws OperatorError `usage` where half of a login is given, or what it belongs to is not an origin
 */
export function gitLoginOf(settings: Settings, url: string | undefined): GitLogin {
  const { GIT_USERNAME: username, GIT_PASSWORD: password, GIT_SSH_KEY_FILE: keyFile, GIT_KNOWN_HOSTS_FILE: knownHostsFile } = settings
  if (keyFile !== undefined) {
    if (knownHostsFile !== undefined) {
      const origin = loginOrigin(settings, url)
      if (origin === undefined) return { kind: 'none' }
      return { kind: 'ssh', keyFile: expandHome(keyFile), knownHostsFile: expandHome(knownHostsFile), origin }
    }
    throw new OperatorError('GIT_SSH_KEY_FILE is set, but GIT_KNOWN_HOSTS_FILE is not: the identity of the server cannot be verified', {
      kind: 'usage',
      remedy: 'put the host keys that your Git server publishes into a file and name it in GIT_KNOWN_HOSTS_FILE',
    })
  }
  const trust = settings.GIT_CA_FILE === undefined ? {} : { caFile: expandHome(settings.GIT_CA_FILE) }
  if (password === undefined && username === undefined) return { kind: 'none', ...trust }
  if (password === undefined || username === undefined) {
    throw new OperatorError(`${password === undefined ? 'GIT_USERNAME' : 'GIT_PASSWORD'} is set without the other half of the login`, {
      kind: 'usage',
      remedy: 'set both GIT_USERNAME and GIT_PASSWORD, or neither (.env.example)',
    })
  }
  const origin = loginOrigin(settings, url)
  return origin === undefined ? { kind: 'none', ...trust } : { kind: 'password', username, password, origin, ...trust }
}

/** What commits are signed with, from the settings: the file of an SSH key, or the id of a key that gpg has. */
export function signingKeyOf({ GIT_SIGNING_KEY: key }: Settings): Pick<Remote, 'signingKey'> {
  return key === undefined ? {} : { signingKey: key.includes('/') ? expandHome(key) : key }
}

function loginOrigin({ GIT_ORIGIN: named }: Settings, url: string | undefined): string | undefined {
  const where = named ?? url
  if (where === undefined) return undefined
  const origin = originOf(where)
  if (origin !== undefined) return origin
  throw new OperatorError(
    `${named === undefined ? 'git_url' : 'GIT_ORIGIN'} names no server that the login for Git could belong to: ${where}`,
    {
      kind: 'usage',
      remedy: 'write it as https://git.example.com or ssh://git.example.com, with the port where it is not the usual one',
    },
  )
}

/**
 * The registry's login, from the settings. It belongs to the registries that they name, else to that of the charts.
 * @param charts where the person's own checkout has them; undefined on the lab, whose Git is its own
 * @throws OperatorError `usage` where half of it is given
 */
export function registryLoginOf(settings: Settings, charts: string | undefined): RegistryLogin {
  const { REGISTRY_USERNAME: username, REGISTRY_PASSWORD: password, REGISTRY_CA_FILE: caFile, REGISTRY_HOSTS: named } = settings
  const ca = caFile === undefined ? {} : { caFile: expandHome(caFile) }
  const hosts = (named ?? charts)?.split(',').map((host) => registryOf(host.trim()))
  if (username !== undefined && password !== undefined) return { username, password, ...ca, ...(hosts === undefined ? {} : { hosts }) }
  if (username === undefined && password === undefined) return ca
  throw new OperatorError(
    `${password === undefined ? 'REGISTRY_USERNAME' : 'REGISTRY_PASSWORD'} is set without the other half of the login`,
    {
      kind: 'usage',
      remedy: 'set both REGISTRY_USERNAME and REGISTRY_PASSWORD, or neither (.env.example)',
    },
  )
}
