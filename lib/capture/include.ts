import { printable } from '../base/shell-line.ts'
import type { Cluster } from '../kubernetes/client.ts'
import { listResources, type Resource } from '../kubernetes/discovery.ts'
import { nameOf, type Ref } from '../kubernetes/objects.ts'
import { OperatorError } from '../base/errors.ts'

/**
 * The objects in Flux's namespace that a person named to be captured too: `Ingress/web`, `externalsecrets.external-secrets.io/login`.
 * @throws OperatorError `usage` for a name that means nothing or too much, an object that does not exist, and a claim
 */
export async function findNamed(cluster: Cluster, namespace: string, names: readonly string[]): Promise<Ref[]> {
  if (names.length === 0) return []
  const served = (await listResources(cluster)).filter(({ namespaced }) => namespaced)
  return Promise.all(
    names.map(async (name) => {
      const ref = resolve(served, namespace, name)
      if ((await cluster.get(ref)) !== undefined) return ref
      throw usage(
        `there is no ${nameOf(ref)} to capture`,
        printable(['kubectl', '--namespace', namespace, 'get', name.split('/')[0] ?? '']),
      )
    }),
  )
}

function resolve(served: readonly Resource[], namespace: string, name: string): Ref {
  const [, word = '', group, object = ''] = /^([^./]+)(?:\.([^/]+))?\/([^/]+)$/.exec(name) ?? []
  if (object === '') throw usage(`--include ${name} names no object`, '--include KIND/NAME, as --include ingress/web')
  const meant = served.filter((kind) => calls(kind, word) && (group === undefined || kind.group === group))
  const [kind, other] = meant
  if (kind === undefined) throw usage(`--include ${name}: the cluster has no kind ${name.split('/')[0]}`, 'kubectl api-resources')
  if (other !== undefined) {
    const full = meant.map(({ plural, group: of }) => `${plural}.${of}/${object}`)
    throw usage(`--include ${name} may mean ${full.join(' or ')}`, `--include ${full[0]}`)
  }
  if (kind.kind === 'PersistentVolumeClaim') {
    throw usage(`a capture cannot contain the data of ${kind.kind} ${namespace}/${object}`, '--keep-namespace keeps it')
  }
  return { apiVersion: kind.apiVersion, kind: kind.kind, namespace, name: object }
}

/** By kind or plural, whatever the case. */
function calls({ kind, plural }: Resource, word: string): boolean {
  return [kind, plural].some((name) => name.toLowerCase() === word.toLowerCase())
}

function usage(what: string, remedy: string): OperatorError {
  return new OperatorError(what, { kind: 'usage', remedy })
}
