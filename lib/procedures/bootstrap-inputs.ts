import { mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { type KubeObject, kinds, nameOf } from '../cluster/objects.ts'
import { OperatorError } from '../errors.ts'
import { type GitLogin, headOf, type Remote } from '../git.ts'
import { renderChart } from '../helm.ts'
import { blockedBy, check, type Checked, type Finding } from '../preflight.ts'
import type { Redactor } from '../redactor.ts'
import type { Session } from '../session.ts'
import { expand, projectRoot, type Settings } from '../settings.ts'
import type { WantedSecret } from '../steps/secret.ts'
import { buildTree, type Chart, fetchTree, type Tree } from '../tree.ts'

/** All that bootstrap puts into a cluster, known before anything is changed. */
export interface BootstrapInputs {
  readonly tree: Tree
  readonly operatorObjects: readonly KubeObject[]
  readonly instanceObjects: readonly KubeObject[]
  readonly secrets: readonly WantedSecret[]
}

export interface Wanted {
  /** The folder below kubernetes/clusters. */
  readonly cluster: string
  readonly remote: Remote
  readonly settings: Settings
  /** What the lab puts into each settings.yaml it pushes; used where Git can't be read. */
  readonly overrides: Readonly<Record<string, string>>
  readonly redactor: Redactor
}

const versionSchema = v.object({ gitVersion: v.string() })

/**
 * Reads Git, renders the charts and finds the secrets: bootstrap's preflight.
 * @throws OperatorError `blocked` with every finding, not just the first
 */
export async function prepareBootstrap(session: Session, wanted: Wanted): Promise<BootstrapInputs> {
  const { tools, cluster, folder } = session
  const { signal } = cluster
  const checkout = join(folder, 'tree')
  await mkdir(checkout)
  const { gitVersion } = v.parse(versionSchema, await cluster.read('/version'))
  const findings: Finding[] = []
  const note = <T>(checked: Checked<T>): T | undefined => {
    if (checked.ok) return checked.value
    findings.push(checked.finding)
    return undefined
  }

  const fetched = await check(() => fetchTree(wanted.remote, wanted.cluster, checkout, tools.kubectl, signal), signal)
  note(fetched)
  // Where Git can't be read, the person's own checkout tells which charts to ask the registry for: all findings at once.
  const tree = fetched.ok
    ? fetched.value
    : await buildTree(wanted.remote, 'this checkout', wanted.cluster, projectRoot, tools.kubectl, wanted.overrides).catch(() => undefined)
  if (tree === undefined) throw blockedBy(findings)

  const render = (chart: Chart): Promise<Checked<KubeObject[]>> => check(() => renderChart(session, chart, gitVersion), signal)
  const [operator, instance, followed, secrets, namespace] = await Promise.all([
    render(tree.operator),
    render(tree.instance),
    fetched.ok ? check(() => verifyFollowable(tree, checkout), signal) : undefined,
    check(() => findSecrets(session, wanted, tree), signal),
    check(() => verifyNotTerminating(session, tree.namespace), signal),
  ])
  const operatorObjects = note(operator)
  const instanceObjects = note(instance)
  if (followed !== undefined) note(followed)
  const found = note(secrets)
  note(namespace)
  if (findings.length > 0 || operatorObjects === undefined || instanceObjects === undefined || found === undefined) {
    throw blockedBy(findings)
  }
  return { tree, operatorObjects, instanceObjects, secrets: found }
}

/** Flux will follow what the FluxInstance says: it must be what was read here, and be there. */
async function verifyFollowable(tree: Tree, checkout: string): Promise<void> {
  const { sync, remote, commit, cluster } = tree
  const settings = `kubernetes/clusters/${cluster}/settings.yaml`
  if (sync.url !== remote.url) {
    throw new OperatorError(
      `Flux would follow ${sync.url}, as ${settings} at ${commit.slice(0, 12)} says, but this run read ${remote.url}`,
      {
        remedy: `make git_url in ${settings} the same here and in Git, and push`,
      },
    )
  }
  if (sync.ref !== remote.ref) await headOf({ ...remote, ref: sync.ref })
  const isFolder = await stat(join(checkout, sync.path)).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (isFolder) return
  throw new OperatorError(`${remote.url} has no folder ${sync.path} at ${commit.slice(0, 12)}, which Flux would follow`, {
    remedy: `mend instance.sync.path of HelmRelease ${tree.instance.name}, push, and run again`,
  })
}

async function verifyNotTerminating({ cluster }: Session, namespace: string): Promise<void> {
  const live = await cluster.get({ ...kinds.namespace, name: namespace })
  if (live?.metadata.deletionTimestamp === undefined) return
  throw new OperatorError(`Namespace ${namespace} is being deleted, since ${live.metadata.deletionTimestamp}`, {
    remedy: `kubectl describe namespace ${namespace}`,
  })
}

async function findSecrets(session: Session, wanted: Wanted, tree: Tree): Promise<WantedSecret[]> {
  const { namespace, sync } = tree
  const secrets: WantedSecret[] = []
  const { login } = wanted.remote
  if (sync.pullSecret !== '' && login.kind === 'none') {
    const ref = { ...kinds.secret, namespace, name: sync.pullSecret }
    if ((await session.cluster.get(ref)) === undefined) {
      throw new OperatorError(`Flux needs ${nameOf(ref)} for Git; it does not exist, and no login is configured to make it from`, {
        remedy: 'set GIT_USERNAME and GIT_PASSWORD, or GIT_SSH_KEY_FILE and GIT_KNOWN_HOSTS_FILE (.env.example)',
      })
    }
  }
  if (sync.pullSecret !== '' && login.kind !== 'none') {
    secrets.push({
      id: 'git-credentials',
      title: 'Give Flux the login for Git',
      namespace,
      name: sync.pullSecret,
      values: await gitValues(login, wanted.redactor),
      command:
        login.kind === 'ssh'
          ? `flux create secret git ${sync.pullSecret} --url=${sync.url} --private-key-file=${login.keyFile}`
          : `flux create secret git ${sync.pullSecret} --url=${sync.url} --username=${login.username} --password=…`,
    })
  }
  const keyFile = wanted.settings.SOPS_AGE_KEY_FILE
  if (keyFile !== undefined) {
    const key = await readSecretFile('SOPS_AGE_KEY_FILE', expand(keyFile), wanted.redactor)
    secrets.push({
      id: 'sops-age',
      title: 'Give Flux the age key that decrypts SOPS files',
      namespace,
      name: 'sops-age',
      values: { 'age.agekey': key },
      command: `kubectl --namespace ${namespace} create secret generic sops-age --from-file=age.agekey=${keyFile}`,
    })
  }
  return secrets
}

/** The keys that source-controller reads from a GitRepository's Secret. */
async function gitValues(login: Exclude<GitLogin, { kind: 'none' }>, redactor: Redactor): Promise<Record<string, string>> {
  if (login.kind === 'ssh') {
    const identity = await readSecretFile('GIT_SSH_KEY_FILE', login.keyFile, redactor)
    return { identity, known_hosts: await readNamed('GIT_KNOWN_HOSTS_FILE', login.knownHostsFile) }
  }
  const { username, password, caFile } = login
  return { username, password, ...(caFile === undefined ? {} : { 'ca.crt': await readNamed('GIT_CA_FILE', caFile) }) }
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
