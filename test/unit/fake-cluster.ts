import { type Cluster, clusterAt } from '../../lib/kubernetes/client.ts'
import { type KubeObject, type Ref, nameOf, refOf } from '../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../lib/kubernetes/transport.ts'

/** A cluster that has these objects, as they are when asked for, and nothing else. */
export function clusterOf(objects: () => readonly KubeObject[]): Cluster {
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  return {
    ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
    get: (ref: Ref) => Promise.resolve(objects().find((object) => nameOf(refOf(object)) === nameOf(ref))),
    list: ({ kind }) => Promise.resolve(objects().filter((object) => object.kind === kind)),
  }
}
