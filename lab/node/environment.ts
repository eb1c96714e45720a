import type { ContainerSpec, Pod, EnvVariable } from './pod-spec.ts'

/** Reads the entries of a Secret or ConfigMap of the pod's namespace; undefined where there is none of that name. */
export type ReadEntries = (kind: 'Secret' | 'ConfigMap', name: string) => Promise<Readonly<Record<string, string>> | undefined>

/** The environment that a container's spec asks for, resolved as a kubelet does. Throws where a key it needs is missing. */
export async function containerEnvironment(
  container: ContainerSpec,
  pod: Pod,
  ip: string,
  read: ReadEntries,
): Promise<Record<string, string>> {
  const env: Record<string, string> = {}
  for (const { prefix, secretRef, configMapRef } of container.envFrom) {
    const from = secretRef ?? configMapRef
    if (from === undefined) continue
    const kind = secretRef === undefined ? 'ConfigMap' : 'Secret'
    const entries = await read(kind, from.name)
    if (entries === undefined && !from.optional) throw new Error(`${kind.toLowerCase()} "${from.name}" not found`)
    for (const [key, value] of Object.entries(entries ?? {})) env[prefix + key] = value
  }
  for (const variable of container.env) {
    const value = await valueOf(variable, container, pod, ip, read, env)
    if (value !== undefined) env[variable.name] = value
  }
  return env
}

async function valueOf(
  variable: EnvVariable,
  container: ContainerSpec,
  pod: Pod,
  ip: string,
  read: ReadEntries,
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const from = variable.valueFrom
  if (from === undefined) return expandVariables(variable.value, env)
  if (from.fieldRef !== undefined) return fieldOf(pod, ip, from.fieldRef.fieldPath)
  if (from.resourceFieldRef !== undefined) return resourceOf(container, from.resourceFieldRef.resource)
  const wanted = from.secretKeyRef ?? from.configMapKeyRef
  if (wanted === undefined) return undefined
  const kind = from.secretKeyRef === undefined ? 'ConfigMap' : 'Secret'
  const value = (await read(kind, wanted.name))?.[wanted.key]
  if (value === undefined && !wanted.optional)
    throw new Error(`couldn't find key ${wanted.key} in ${kind} ${pod.metadata.namespace}/${wanted.name}`)
  return value
}

/** Replaces `$(NAME)` by the variable's value; what is unknown stays as it is, and `$$(NAME)` becomes `$(NAME)`. */
export function expandVariables(value: string, env: Readonly<Record<string, string>>): string {
  return value.replace(/\$(\$|\(([^)]+)\))/g, (whole: string, rest: string, name: string | undefined) =>
    name === undefined ? rest : (env[name] ?? whole),
  )
}

function fieldOf(pod: Pod, ip: string, path: string): string {
  const { metadata, spec } = pod
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path)
  if (keyed !== null) return (keyed[1] === 'labels' ? metadata.labels : metadata.annotations)[keyed[2] ?? ''] ?? ''
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
    'spec.nodeName': spec.nodeName,
    'spec.serviceAccountName': spec.serviceAccountName,
    'status.podIP': ip,
    'status.podIPs': ip,
    'status.hostIP': '127.0.0.1',
    'status.hostIPs': '127.0.0.1',
  }
  const value = fields[path]
  if (value === undefined) throw new Error(`field ${path} of Pod ${metadata.namespace}/${metadata.name} is not known to the lab's node`)
  return value
}

/** `limits.memory` in bytes, `limits.cpu` in whole cores; undefined without a limit: it is then up to the program. */
function resourceOf(container: ContainerSpec, resource: string): string | undefined {
  const [list, name = ''] = resource.split('.')
  const { limits, requests } = container.resources
  const quantity = (list === 'requests' ? requests : limits)?.[name]
  return quantity === undefined ? undefined : String(Math.ceil(parseQuantity(String(quantity))))
}

const suffixes: Readonly<Record<string, number>> = {
  m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40,
} // prettier-ignore

/** The number a Kubernetes quantity stands for: `128Mi`, `500m`, `2`. */
export function parseQuantity(quantity: string): number {
  const [, digits = '', suffix = ''] = /^([0-9.]+)([A-Za-z]*)$/.exec(quantity) ?? []
  const factor = suffixes[suffix]
  if (digits === '' || factor === undefined) throw new Error(`${quantity} is not a quantity the lab's node understands`)
  return Number(digits) * factor
}
