import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../../base/errors.ts'
import { type Cluster, clusterAt } from '../../../kubernetes/client.ts'
import type { Patience } from '../../../kubernetes/http.ts'
import { directEndpoint } from '../../../kubernetes/transport.ts'

/** What the pods mount, and the variables that tell them where. */
export const places = {
  state: { variable: 'XDG_STATE_HOME', path: '/state' },
  work: { variable: 'FLEET_WORK', path: '/work' },
  kubeconfigs: { variable: 'FLEET_KUBECONFIGS', path: '/kubeconfigs' },
  account: { variable: 'FLEET_SERVICE_ACCOUNT', path: '/var/run/secrets/kubernetes.io/serviceaccount' },
  message: { variable: 'FLEET_TERMINATION_LOG', path: '/dev/termination-log' },
} as const

/** Where this pod finds it. */
export function pathInPod(place: keyof typeof places): string {
  const { variable, path } = places[place]
  return process.env[variable] ?? path
}

/** What Kubernetes has put into the pod. Throws OperatorError `usage` outside a pod of the fleet. */
export function variableOf(variable: string): string {
  const value = process.env[variable]
  if (value !== undefined && value !== '') return value
  throw new OperatorError(`${variable} is not set: this runs only in a pod of a fleet`, {
    kind: 'usage',
    remedy: 'npx zx scripts/fleet.ts --help',
  })
}

/** The management cluster and the namespace, as the pod's own service account reaches them. */
export function openInCluster(patience: Patience, signal: AbortSignal): { readonly cluster: Cluster; readonly namespace: string } {
  const folder = pathInPod('account')
  const host = variableOf('KUBERNETES_SERVICE_HOST')
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${variableOf('KUBERNETES_SERVICE_PORT')}`
  const endpoint = directEndpoint({
    server,
    ca: readFileSync(join(folder, 'ca.crt'), 'utf8'),
    insecure: false,
    serverName: undefined,
    cert: undefined,
    key: undefined,
    token: { file: join(folder, 'token') }, // it is replaced within the hour
  })
  return { cluster: clusterAt(endpoint, patience, signal), namespace: readFileSync(join(folder, 'namespace'), 'utf8').trim() }
}
