import { rm } from 'node:fs/promises'
import { type Cluster, clusterAt } from './cluster/cluster.ts'
import type { Patience } from './cluster/http.ts'
import { kinds } from './cluster/objects.ts'
import { openProxy } from './cluster/proxy.ts'
import { verifyInstalled } from './command.ts'
import type { Console } from './console.ts'
import { childEnvironment } from './environment.ts'
import { messageOf, OperatorError } from './errors.ts'
import { type Access, findAccess, verifyLogin } from './kubeconfig.ts'
import type { RegistryLogin } from './registry-login.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'

/** The programs a run calls: names on PATH, or the lab's own by path. */
export interface Tools {
  readonly kubectl: string
  readonly helm: string
  /** Where the flux CLI is there, it is asked to agree. */
  readonly flux: string | undefined
}

/** One cluster, reached: what a run needs of the outside world, and what ends with it. */
export interface Session {
  readonly access: Access
  readonly tools: Tools
  readonly registry: RegistryLogin
  readonly cluster: Cluster
  /** The same cluster for another signal than the run's. */
  readonly clusterUntil: (signal: AbortSignal) => Cluster
  /** The same cluster for what must be done even when the run is cancelled, and quickly: giving the lock back. */
  readonly parting: Cluster
  /** The UID of kube-system: which cluster this is, whatever its name. */
  readonly uid: string
  /** A folder of this run alone, 0700, gone when it ends. */
  readonly folder: string
  readonly close: () => Promise<void>
}

/**
 * Reaches the cluster behind a context.
 * @throws OperatorError `usage` for an unknown context, `blocked` where a program is missing or the API cannot be reached
 */
export async function openSession(options: {
  readonly tools: Tools
  readonly registry: RegistryLogin
  readonly context: string
  readonly kubeconfig: string | undefined
  readonly console: Console
  readonly timeout: number
  readonly signal: AbortSignal
}): Promise<Session> {
  const { tools, registry, console, signal } = options
  await verifyInstalled(
    { [tools.kubectl]: 'kubernetes.io/docs/tasks/tools', [tools.helm]: 'helm.sh', git: 'git-scm.com' },
    childEnvironment(),
  )
  const access = await findAccess(tools.kubectl, options.context, options.kubeconfig)
  verifyLogin(access)
  const folder = await makeTemporaryFolder()
  const proxy = await openProxy(access, folder)
  const close = async (): Promise<void> => {
    await Promise.all([proxy.close(), rm(folder, { recursive: true, force: true })])
  }
  try {
    const patience = patienceOf(console, options.timeout)
    // A first look is not patient: a cluster that is not there is told at once.
    const first = clusterAt(proxy.endpoint, { ...silent, milliseconds: 3000 }, signal)
    const uid = (await first.get({ ...kinds.namespace, name: 'kube-system' }))?.metadata.uid
    if (uid === undefined) throw new Error('there is no namespace kube-system')
    const parting = clusterAt(proxy.endpoint, { ...silent, milliseconds: 5000 }, new AbortController().signal)
    const clusterUntil = (until: AbortSignal): Cluster => clusterAt(proxy.endpoint, patience, until)
    return { access, tools, registry, uid, folder, close, parting, clusterUntil, cluster: clusterUntil(signal) }
  } catch (error) {
    await close()
    throw new OperatorError(`the cluster of context ${access.context} at ${access.server} cannot be used: ${messageOf(error)}`, {
      kind: 'blocked',
      remedy: `kubectl --context ${access.context} get namespace kube-system`,
      cause: error,
    })
  }
}

const silent = { trouble: () => undefined, over: () => undefined }

/** Waits out an API that cannot be reached, and says so once, however many requests are waiting. */
function patienceOf(console: Console, milliseconds: number): Patience {
  let inTrouble = false
  return {
    milliseconds,
    trouble(text) {
      if (!inTrouble) console.warning(`waiting: ${text}`)
      inTrouble = true
    },
    over() {
      if (inTrouble) console.success('the Kubernetes API answers again')
      inTrouble = false
    },
  }
}
