import * as v from 'valibot'
import { OperatorError } from '../base/errors.ts'
import { isFluxKind } from '../flux/api-groups.ts'
import { storageType } from '../flux/helm-storage.ts'
import { type Kind, kinds, type KubeObject, nameOf, refOf } from '../kubernetes/objects.ts'
import type { Role } from './capture.ts'

const helmSchema = v.object({ type: v.literal(storageType) })
const isOf = ({ apiVersion, kind }: Kind, ...meant: readonly Kind[]): boolean =>
  meant.some((one) => one.apiVersion === apiVersion && one.kind === kind)

/** What may be in no namespace: a later Flux may have such kinds. */
const outside: readonly Role[] = ['namespace', 'flux-by-hand', 'flux']

/** What a capture can contain as each role. */
const verifiers: Readonly<Record<Role, (object: KubeObject, home: string) => boolean>> = {
  namespace: (object) => isOf(object, kinds.namespace),
  account: (object) => isOf(object, kinds.serviceAccount),
  referred: (object) => isOf(object, kinds.secret, kinds.configMap),
  'helm-storage': (object, home) => isOf(object, kinds.secret) && v.is(helmSchema, object) && object.metadata.namespace === home,
  // A person may have named any kind; `compare` asks the cluster whether it is in namespaces.
  named: ({ metadata }, home) => metadata.namespace === home,
  'flux-by-hand': isFluxKind,
  flux: isFluxKind,
}

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
/** The longest that an API server takes, of any kind; RBAC's names hold colons. */
const objectName = /^[^/%\s\p{Cc}\p{Cf}]{1,253}$/u

/**
 * Verifies that a capture of Flux can contain this object: encryption for a recipient proves to nobody who wrote a file, and what it contains
 * is created with the rights of the user who restores it.
 * @param home Flux's own namespace, as the capture says
 * @throws OperatorError where no capture contains it
 */
export function verifyEntry(role: Role, object: KubeObject, home: string): void {
  const { name, namespace } = object.metadata
  const isNamed = objectName.test(name) && name !== '.' && name !== '..'
  const isPlaced = namespace === undefined ? outside.includes(role) : role !== 'namespace' && label.test(namespace)
  if (isNamed && isPlaced && label.test(home) && verifiers[role](object, home)) return
  throw new OperatorError(`it contains ${nameOf(refOf(object))} of ${object.apiVersion} as "${role}", which no capture of Flux does`, {
    kind: 'blocked',
    remedy: 'nothing was changed; find out who wrote it, and pass another copy: --from FILE',
  })
}
