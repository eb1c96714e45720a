import { shellQuote } from '../../../base/shell-line.ts'
import * as v from 'valibot'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, refOf } from '../../../kubernetes/objects.ts'
import { decryptionSecretOf } from '../age-keys.ts'
import type { WantedSecret } from '../secrets.ts'
import type { Tree } from '../../../desired-state/tree.ts'
import type { Chart } from '../../../desired-state/chart.ts'
import { blocks, type Finding } from '../../../preflight/preflight.ts'

/** A Secret in Flux' namespace that something in Git refers to. */
interface NeededSecret {
  readonly name: string
  readonly by: string
  /** What a person would type to make it, after `kubectl`. */
  readonly command: string
}

const operatorValuesSchema = v.object({
  image: v.optional(v.object({ pullSecrets: v.optional(v.array(v.object({ name: v.string() })), []) }), {}),
})
/**
 * Secrets that Git refers to and that nobody but a person can make: those for the registry, and the age key. The login for Git, and what
 * this run brings along itself (`brought`), are checked elsewhere.
 * @param comesBack whether a capture brings the Secret back
 */
export async function checkSecrets(
  cluster: Cluster,
  tree: Tree,
  brought: readonly WantedSecret[],
  comesBack: (name: string) => boolean,
): Promise<Finding[]> {
  const { namespace } = tree
  const wanted = new Map(secretsNeededBy(tree).map((needed) => [needed.name, needed]))
  const missing = await Promise.all(
    [...wanted.values()]
      .filter(({ name }) => !brought.some((secret) => secret.name === name) && !comesBack(name))
      .map(async (needed) => ((await cluster.get({ ...kinds.secret, namespace, name: needed.name })) === undefined ? [needed] : [])),
  )
  return missing
    .flat()
    .map(({ name, by, command }) =>
      blocks(
        `${nameOf({ ...kinds.secret, namespace, name })} does not exist; ${by} refers to it`,
        `kubectl create namespace ${namespace}, unless it exists; then: kubectl --namespace ${namespace} ${command}`,
      ),
    )
}

type ReferringTree = Pick<Tree, 'distribution' | 'kustomizations'> & Record<'operator' | 'instance', Pick<Chart, 'name' | 'values'>>

/** The Secrets that the tree's releases and Kustomizations name. */
export function secretsNeededBy({ distribution, operator, instance, kustomizations }: ReferringTree): NeededSecret[] {
  const registry = (name: string, by: string): NeededSecret => ({
    name,
    by,
    command: `create secret generic ${shellQuote(name)} --type=kubernetes.io/dockerconfigjson --from-file=.dockerconfigjson=FILE`,
  })
  const pulled = v.parse(operatorValuesSchema, operator.values).image.pullSecrets
  return [
    ...[distribution.imagePullSecret, distribution.artifactPullSecret]
      .filter((name) => name !== '')
      .map((name) => registry(name, `HelmRelease ${instance.name}`)),
    ...pulled.map(({ name }) => registry(name, `HelmRelease ${operator.name}`)),
    ...kustomizations.flatMap(decryptedBy),
  ]
}

function decryptedBy(kustomization: KubeObject): NeededSecret[] {
  const name = decryptionSecretOf(kustomization)
  if (name === undefined) return []
  return [{ name, by: nameOf(refOf(kustomization)), command: `create secret generic ${shellQuote(name)} --from-file=age.agekey=FILE` }]
}
