import { type KubeObject, parseObject } from '../kubernetes/objects.ts'

/**
 * What a controller notes on an object about that very object, and a new one of its name must not have: Rancher makes its role bindings and
 * puts its finalizer on only where `lifecycle.cattle.io/create.…` does not exist yet. `field.cattle.io/projectId`, a person's decision, is
 * restored.
 */
const ofThisObject = /^(lifecycle\.cattle\.io\/|cattle\.io\/status$)/

type Annotations = KubeObject['metadata']['annotations']

function picked(annotations: Annotations, isMeant: (name: string) => boolean): Annotations {
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => isMeant(name)))
}

/** A captured object as it may be recreated; where it is there, with what controllers have noted on that. */
export function restorable(captured: KubeObject, live?: KubeObject): KubeObject {
  const annotations = {
    ...picked(captured.metadata.annotations, (name) => !ofThisObject.test(name)),
    ...picked(live?.metadata.annotations ?? {}, (name) => ofThisObject.test(name)),
  }
  return parseObject({ ...captured, metadata: { ...captured.metadata, annotations } })
}
