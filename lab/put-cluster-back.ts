import { setTimeout as pause } from 'node:timers/promises'
import { json } from 'node:stream/consumers'
import * as v from 'valibot'
import { type ApiRequest, send } from '../lib/kubernetes/http.ts'
import { tokenEndpoint } from '../lib/kubernetes/transport.ts'
import type { ControlPlane } from './control-plane.ts'
import { type EtcdKey, putKeysBack } from './etcd-keys.ts'

const crds = '/registry/apiextensions.k8s.io/customresourcedefinitions/'
const servedWithin = 30_000

/** Makes a cluster what it was when its keys were read, and waits until the API serves the same kinds. Nothing may work on its objects. */
export async function putClusterBack(plane: ControlPlane, keys: readonly EtcdKey[]): Promise<void> {
  const changed = await putKeysBack(plane.etcd, keys)
  const kinds = changed.filter((key) => key.startsWith(crds)).map((key) => key.slice(crds.length))
  if (kinds.length === 0) return
  const wanted = new Set(keys.map(({ key }) => Buffer.from(key, 'base64').toString()))
  const endpoint = tokenEndpoint(`https://127.0.0.1:${plane.port}`, plane.tokens['lab-admin'], plane.ca)
  try {
    for (const deadline = Date.now() + servedWithin; ; await pause(50)) {
      const served = servedKinds(await json(await send(endpoint, discovery)))
      const late = kinds.filter((kind) => served.has(kind) !== wanted.has(`${crds}${kind}`))
      if (late.length === 0) return
      if (Date.now() > deadline) throw new Error(`the API still does not serve as before: ${late.join(', ')}`)
    }
  } finally {
    endpoint.close()
  }
}

const discovery: ApiRequest = {
  method: 'GET',
  path: '/apis',
  accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
}

const discoverySchema = v.object({
  items: v.array(
    v.object({
      metadata: v.object({ name: v.string() }),
      versions: v.optional(v.array(v.object({ resources: v.optional(v.array(v.object({ resource: v.string() })), []) })), []),
    }),
  ),
})

/** `kustomizations.kustomize.toolkit.fluxcd.io`, as CRDs are named. */
function servedKinds(answer: unknown): Set<string> {
  const { items } = v.parse(discoverySchema, answer)
  return new Set(
    items.flatMap(({ metadata, versions }) =>
      versions.flatMap(({ resources }) => resources.map(({ resource }) => `${resource}.${metadata.name}`)),
    ),
  )
}
