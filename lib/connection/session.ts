import { type Cluster, clusterAt } from '../kubernetes/client.ts'
import type { Patience } from '../kubernetes/http.ts'
import { kinds } from '../kubernetes/objects.ts'
import { createTiedFolder } from '../process/child-process.ts'
import { findStaticLogin } from './static-login.ts'
import { directEndpoint, type Endpoint } from '../kubernetes/transport.ts'
import type { Redactor } from '../base/redactor.ts'
import { verifyInstalled } from '../process/installed-programs.ts'
import type { Console } from '../terminal/console.ts'
import { childEnvironment, kubectlEnvironment } from '../process/environment.ts'
import { messageOf, OperatorError } from '../base/errors.ts'
import type { Access } from './kubeconfig.ts'
import type { RegistryLogin } from '../tools/registry-login.ts'

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
  readonly cleanupClient: Cluster
  /** The UID of kube-system: which cluster this is, whatever its name. */
  readonly uid: string
  /** A folder of this run alone, 0700, made when it is first asked for, and gone when the run ends. */
  readonly folder: () => string
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
  readonly redactor: Redactor
  readonly signal: AbortSignal
}): Promise<Session> {
  const { tools, registry, console, signal } = options
  await verifyInstalled(
    { [tools.kubectl]: 'kubernetes.io/docs/tasks/tools', [tools.helm]: 'helm.sh', git: 'git-scm.com' },
    childEnvironment(),
  )
  const folder = createTiedFolder()
  const {
    access: given,
    endpoint,
    close: closeWay,
  } = await openWay(options, folder.path).catch(async (error: unknown) => {
    await folder.remove()
    throw error
  })
  const access = { ...given, server: options.redactor.clean(given.server) } // kept and shown; kubectl reads a login in it for itself
  const close = async (): Promise<void> => {
    await Promise.all([closeWay(), folder.remove()])
  }
  try {
    const patience = patienceOf(console, options.timeout)
    // The first read is not patient: a cluster that does not exist is reported at once.
    const first = clusterAt(endpoint, { ...silent, milliseconds: 3000 }, signal)
    const uid = (await first.get({ ...kinds.namespace, name: 'kube-system' }))?.metadata.uid
    if (uid === undefined) throw new Error('there is no namespace kube-system')
    const cleanupClient = clusterAt(endpoint, { ...silent, milliseconds: 5000 }, new AbortController().signal)
    const clusterUntil = (until: AbortSignal): Cluster => clusterAt(endpoint, patience, until)
    return { access, tools, registry, uid, folder: folder.path, close, cleanupClient, clusterUntil, cluster: clusterUntil(signal) }
  } catch (error) {
    await close()
    throw new OperatorError(`the cluster of context ${access.context} at ${access.server} cannot be used: ${messageOf(error)}`, {
      kind: 'blocked',
      remedy: `kubectl --context ${access.context} get namespace kube-system`,
      cause: error,
    })
  }
}

interface ApiAccess {
  readonly access: Access
  readonly endpoint: Endpoint
  readonly close: () => Promise<void>
}

/** The way to the API: straight there where the kubeconfig has all that takes, which saves two starts of kubectl; else by its proxy. */
async function openWay(
  { tools, context, kubeconfig, redactor, signal }: Parameters<typeof openSession>[0],
  folder: () => string,
): Promise<ApiAccess> {
  const login = findStaticLogin(context, kubeconfig)
  if (login === undefined) {
    const [{ findAccess, verifyLogin }, { openProxy }] = await Promise.all([import('./kubeconfig.ts'), import('./kubectl-proxy.ts')])
    const access = await findAccess(tools.kubectl, context, kubeconfig)
    verifyLogin(access)
    return { access, ...(await openProxy(access, folder(), { signal })) }
  }
  for (const secret of login.secrets) redactor.hide(secret)
  const env = kubectlEnvironment(kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig })
  const endpoint = directEndpoint(login)
  return {
    access: { kubectl: tools.kubectl, context, server: login.server, env, login: undefined },
    endpoint,
    close: () => Promise.resolve(endpoint.close()),
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
