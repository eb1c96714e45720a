import { readFile } from 'node:fs/promises'
import { kinds, nameOf, type Ref } from '../../kubernetes/objects.ts'
import { ageKeyEntry } from '../../flux/sops.ts'
import { OperatorError } from '../../base/errors.ts'
import type { Remote } from '../../tools/git.ts'
import { type GitLogin, isForOther, loginFor, whyNoLogin } from '../../tools/git-login.ts'
import type { Redactor } from '../../base/redactor.ts'
import { dockerConfig, type RegistryLogin } from '../../tools/registry-login.ts'
import type { Session } from '../../connection/session.ts'
import { type Settings } from '../../connection/settings.ts'
import { expandHome } from '../../base/paths.ts'
import type { Tree } from '../../desired-state/tree.ts'
import { givenSecretOf } from './age-keys.ts'
import { printable, shellQuote } from '../../base/shell-line.ts'

/** What of the tree says which logins there are. */
type Logins = Pick<Tree, 'namespace' | 'sync' | 'distribution' | 'kustomizations' | 'instance'> & {
  readonly operator: Pick<Tree['operator'], 'url'>
}

/** What the Secrets are made from, and which of them a capture restores. */
interface SecretSources {
  readonly remote: Pick<Remote, 'login'>
  readonly settings: Settings
  readonly redactor: Redactor
  readonly rebuild?: { readonly comesBack: (ref: Ref) => boolean }
}

/**
 * The Secrets that bootstrap brings along, from the person's settings and the files that they name.
 * @throws OperatorError where a file cannot be read, or Flux needs a login for Git that nobody gave
 */
export async function findSecrets(
  session: Pick<Session, 'cluster' | 'registry'>,
  given: SecretSources,
  tree: Logins,
): Promise<WantedSecret[]> {
  const { namespace, sync } = tree
  const secrets: WantedSecret[] = []
  const login = loginFor(given.remote.login, sync.url) // Flux sends it where it says so
  // Another provider than the generic one logs in otherwise than this person: its Secret is not made from this person's login.
  const isOwn = sync.provider === 'generic'
  const forGit = sync.pullSecret === '' || !isOwn ? undefined : await gitSecret(login, given.redactor, tree)
  if (forGit !== undefined) secrets.push(forGit)
  else if (sync.pullSecret !== '') {
    const ref = { ...kinds.secret, namespace, name: sync.pullSecret }
    if (given.rebuild?.comesBack(ref) !== true && (await session.cluster.get(ref)) === undefined) {
      if (!isOwn) throw noProviderSecret(ref, sync.provider)
      const why = isForOther(given.remote.login, sync.url) ? whyNoLogin(given.remote.login, sync.url) : 'no login is configured'
      throw new OperatorError(`Flux needs ${nameOf(ref)} for Git; it does not exist, and ${why} to create it from`, {
        remedy: 'set GIT_USERNAME and GIT_PASSWORD, or GIT_SSH_KEY_FILE and GIT_KNOWN_HOSTS_FILE (.env.example)',
      })
    }
  }
  secrets.push(...registrySecrets(session.registry, tree))
  const keyFile = given.settings.SOPS_AGE_KEY_FILE
  if (keyFile !== undefined) {
    const key = await readSecretFile('SOPS_AGE_KEY_FILE', expandHome(keyFile), given.redactor)
    const name = givenSecretOf(tree)
    secrets.push({
      id: 'sops-age',
      title: 'Give Flux the age key that decrypts SOPS files',
      namespace,
      name,
      values: { [ageKeyEntry]: key },
      command: printable([
        'kubectl',
        '--namespace',
        namespace,
        'create',
        'secret',
        'generic',
        name,
        `--from-file=${ageKeyEntry}=${keyFile}`,
      ]),
    })
  }
  return secrets
}

function noProviderSecret(ref: Ref & { readonly namespace: string }, provider: string): OperatorError {
  const make =
    provider === 'github'
      ? `flux --namespace ${ref.namespace} create secret githubapp ${shellQuote(ref.name)} --app-id=ID --app-installation-id=ID --app-private-key=FILE`
      : `kubectl --namespace ${ref.namespace} create secret generic ${shellQuote(ref.name)}`
  return new OperatorError(
    `Flux needs ${nameOf(ref)} for Git, with the login of provider ${provider}; it does not exist, and is not created from a person's login`,
    { remedy: `kubectl create namespace ${ref.namespace}, unless it exists; then: ${make}` },
  )
}

/** The Secret with Flux's login for Git; undefined where there is no login, and no certificate authority, to make it from. */
export async function gitSecret(
  login: GitLogin,
  redactor: Redactor,
  { namespace, sync }: { readonly namespace: string; readonly sync: { readonly url: string; readonly pullSecret: string } },
): Promise<WantedSecret | undefined> {
  const values = await gitValues(login, redactor)
  if (Object.keys(values).length === 0) return undefined
  return {
    id: 'git-credentials',
    title: 'Give Flux the login for Git',
    namespace,
    name: sync.pullSecret,
    values,
    command: `${printable(['flux', '--namespace', namespace, 'create', 'secret', 'git', sync.pullSecret, `--url=${sync.url}`, ...gitFlags(login)])}${password(login)}`,
  }
}

/** The pull Secret that Git names, from the registry's login, if there is one. */
function registrySecrets(login: RegistryLogin, { namespace, distribution, operator }: Logins): WantedSecret[] {
  const { imagePullSecret, artifactPullSecret, artifact, registry } = distribution
  const config = dockerConfig(login, operator.url, registry, ...(artifact === '' ? [] : [artifact]))
  if (config === undefined) return []
  const names = [...new Set([imagePullSecret, artifactPullSecret])].filter((name) => name !== '')
  const type = 'kubernetes.io/dockerconfigjson'
  return names.map((name) => ({
    id: `registry-credentials-${name}`,
    title: `Give Flux the login for the registry: Secret ${name}`,
    namespace,
    name,
    type,
    values: { '.dockerconfigjson': config },
    command: `kubectl --namespace ${namespace} create secret generic ${shellQuote(name)} --type=${type} --from-file=.dockerconfigjson="$HOME/.docker/config.json"`,
  }))
}

/** The keys that source-controller reads from a GitRepository's Secret. */
async function gitValues(login: GitLogin, redactor: Redactor): Promise<Record<string, string>> {
  if (login.kind === 'ssh') {
    const identity = await readSecretFile('GIT_SSH_KEY_FILE', login.keyFile, redactor)
    return { identity, known_hosts: await readNamed('GIT_KNOWN_HOSTS_FILE', login.knownHostsFile) }
  }
  const trust = login.caFile === undefined ? {} : { 'ca.crt': await readNamed('GIT_CA_FILE', login.caFile) }
  return login.kind === 'none' ? trust : { username: login.username, password: login.password, ...trust }
}

/** The password is the shell's; pasted where the shell has none, the command writes no empty one. */
function password({ kind }: GitLogin): string {
  return kind === 'password' ? ' --password="${GIT_PASSWORD:?}"' : ''
}

/** The same for the flux CLI, without the password. */
function gitFlags(login: GitLogin): string[] {
  if (login.kind === 'ssh') return [`--private-key-file=${login.keyFile}`]
  const trust = login.caFile === undefined ? [] : [`--ca-crt-file=${login.caFile}`]
  return login.kind === 'none' ? trust : [`--username=${login.username}`, ...trust]
}

async function readSecretFile(variable: string, path: string, redactor: Redactor): Promise<string> {
  const content = await readNamed(variable, path)
  redactor.hide(content)
  return content
}

async function readNamed(variable: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new OperatorError(`the file that ${variable} names cannot be read: ${path}`, {
      remedy: `ls -l ${shellQuote(path)}`,
      cause,
    })
  }
}
/** A Secret that this person brings along; its values are never shown, only its keys. */
export interface WantedSecret {
  readonly id: string
  readonly title: string
  readonly namespace: string
  readonly name: string
  /** `Opaque` unless given; the API lets nobody change it later. */
  readonly type?: string
  readonly values: Readonly<Record<string, string>>
  /** What a person would type, without the values. */
  readonly command: string
}
