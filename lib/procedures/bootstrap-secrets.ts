import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import type { Cluster } from '../cluster/cluster.ts'
import { kinds, nameOf, type Ref } from '../cluster/objects.ts'
import { OperatorError } from '../errors.ts'
import type { GitLogin, Remote } from '../git.ts'
import type { Redactor } from '../redactor.ts'
import { dockerConfig, type RegistryLogin } from '../registry-login.ts'
import type { Session } from '../session.ts'
import { expand, type Settings } from '../settings.ts'
import type { WantedSecret } from '../steps/secret.ts'
import type { Tree } from '../tree.ts'

/** Where Flux finds the key for SOPS files; kustomize-controller reads every entry whose name ends so. */
export const ageSecret = 'sops-age'
const ageKey = 'age.agekey'

/** What the Secrets are made from, and which of them a capture brings back. */
interface Given {
  readonly remote: Pick<Remote, 'login'>
  readonly settings: Settings
  readonly redactor: Redactor
  readonly rebuild?: { readonly comesBack: (ref: Ref) => boolean }
}

/**
 * The Secrets that bootstrap brings along, from the person's settings and the files that they name.
 * @throws OperatorError where a file cannot be read, or Flux needs a login for Git that nobody gave
 */
export async function findSecrets(session: Session, given: Given, tree: Tree): Promise<WantedSecret[]> {
  const { namespace, sync } = tree
  const secrets: WantedSecret[] = []
  const { login } = given.remote
  const values = sync.pullSecret === '' ? {} : await gitValues(login, given.redactor)
  if (Object.keys(values).length > 0) {
    secrets.push({
      id: 'git-credentials',
      title: 'Give Flux the login for Git',
      namespace,
      name: sync.pullSecret,
      values,
      command: `flux create secret git ${sync.pullSecret} --url=${sync.url}${gitFlags(login)}`,
    })
  } else if (sync.pullSecret !== '') {
    const ref = { ...kinds.secret, namespace, name: sync.pullSecret }
    if (given.rebuild?.comesBack(ref) !== true && (await session.cluster.get(ref)) === undefined) {
      throw new OperatorError(`Flux needs ${nameOf(ref)} for Git; it does not exist, and no login is configured to make it from`, {
        remedy: 'set GIT_USERNAME and GIT_PASSWORD, or GIT_SSH_KEY_FILE and GIT_KNOWN_HOSTS_FILE (.env.example)',
      })
    }
  }
  secrets.push(...registrySecrets(session.registry, tree))
  const keyFile = given.settings.SOPS_AGE_KEY_FILE
  if (keyFile !== undefined) {
    const key = await readSecretFile('SOPS_AGE_KEY_FILE', expand(keyFile), given.redactor)
    secrets.push({
      id: 'sops-age',
      title: 'Give Flux the age key that decrypts SOPS files',
      namespace,
      name: ageSecret,
      values: { [ageKey]: key },
      command: `kubectl --namespace ${namespace} create secret generic ${ageSecret} --from-file=${ageKey}=${keyFile}`,
    })
  }
  return secrets
}

/** The pull Secret that Git names, from the registry's login, if there is one. */
function registrySecrets(login: RegistryLogin, { namespace, distribution, operator }: Tree): WantedSecret[] {
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
    command: `kubectl --namespace ${namespace} create secret generic ${name} --type=${type} --from-file=.dockerconfigjson=FILE`,
  }))
}

const dataSchema = v.object({ data: v.optional(v.record(v.string(), v.string()), {}) })

/** The age key that Flux will decrypt with: the one brought along, else the one that is there. */
export async function findAgeKey(
  cluster: Cluster,
  { namespace }: Tree,
  brought: readonly WantedSecret[],
  redactor: Redactor,
): Promise<string | undefined> {
  const own = brought.find(({ name }) => name === ageSecret)?.values[ageKey]
  if (own !== undefined) return own
  const secret = await cluster.get({ ...kinds.secret, namespace, name: ageSecret })
  if (secret === undefined) return undefined
  const keys = Object.entries(v.parse(dataSchema, secret).data).filter(([name]) => name.endsWith('.agekey'))
  const key = keys.map(([, value]) => Buffer.from(value, 'base64').toString()).join('\n')
  redactor.hide(key)
  return key
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

/** The same for the flux CLI, without a password. */
function gitFlags(login: GitLogin): string {
  if (login.kind === 'ssh') return ` --private-key-file=${login.keyFile}`
  const trust = login.caFile === undefined ? '' : ` --ca-crt-file=${login.caFile}`
  return login.kind === 'none' ? trust : ` --username=${login.username} --password=…${trust}`
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
    throw new OperatorError(`the file that ${variable} names cannot be read: ${path}`, { remedy: `ls -l ${path}`, cause })
  }
}
