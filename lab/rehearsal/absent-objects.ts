import { stringify } from 'yaml'
import { listAt, textAt } from '../../lib/commands/validate/at.ts'
import { buildFields } from '../../lib/commands/validate/builds.ts'
import type { ClusterTree, ManifestObject, Workshop } from '../../lib/commands/validate/cluster-tree.ts'
import { variablesOf, textsOf } from '../../lib/commands/validate/variables.ts'
import { evaluate } from '../../lib/desired-state/substitution.ts'
import { isFluxKind } from '../../lib/flux/api-groups.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import type { StandIn } from './stand-in.ts'

/** Objects that someone makes on the cluster, or that charts bring, and that the lab makes in their place. */
export interface AbsentObjects {
  readonly objects: readonly unknown[]
  readonly standIns: readonly StandIn[]
}

/** The value of each variable that only the cluster has. */
const standInValue = 'stand-in'

/**
 * The ConfigMaps and Secrets that Kustomizations take variables from, and that the tree does not hold: with each variable that nothing else
 * sets. Those of other namespaces than Flux's own cannot be made before the tree makes the namespace, and are left out.
 */
export async function absentValues(workshop: Workshop, { applied, placed }: ClusterTree, namespace: string): Promise<AbsentObjects> {
  const data = new Map<string, { kind: string; name: string; values: Record<string, string> }>()
  for (const { kustomization, folder } of applied) {
    const found = variablesOf(kustomization, placed, workshop.given)
    if (found === undefined || found.absent.length === 0 || kustomization.namespace !== namespace) continue
    const { text } = await workshop.builder.build(folder, buildFields(kustomization.object))
    const missing = missingIn(text, textsOf(found.variables))
    const wanted = listAt(kustomization.object, 'spec', 'postBuild', 'substituteFrom').filter((source) =>
      found.absent.includes(`${textAt(source, 'kind')} ${textAt(source, 'name')}`),
    )
    for (const source of wanted) {
      const [kind, name] = [textAt(source, 'kind'), textAt(source, 'name')]
      const values = { ...data.get(`${kind} ${name}`)?.values, ...Object.fromEntries(missing.map((one) => [one, standInValue])) }
      data.set(`${kind} ${name}`, { kind, name, values })
    }
  }
  const all = [...data.values()]
  return {
    objects: all.map(({ kind, name, values }) => ({
      apiVersion: 'v1',
      kind,
      metadata: { name, namespace },
      [kind === 'Secret' ? 'stringData' : 'data']: values,
    })),
    standIns: all.map(({ kind, name, values }) => ({
      kind: 'values',
      name: `${kind} ${namespace}/${name}`,
      inPlaceOf: `what the cluster has: ${Object.keys(values).join(', ') || 'no variable is taken from it'}`,
    })),
  }
}

function missingIn(text: string, values: Readonly<Record<string, string>>): readonly string[] {
  try {
    return evaluate(text, values).missing
  } catch {
    return [] // a form that Flux does not have: Flux says so
  }
}

/** The groups of the API server itself; every other is brought by a CRD. */
const ownGroups =
  /^(|apps|batch|autoscaling|policy|(networking|rbac\.authorization|storage|scheduling|coordination|node|discovery|events|certificates|authentication|authorization|admissionregistration|flowcontrol\.apiserver|resource)\.k8s\.io|apiextensions\.k8s\.io|apiregistration\.k8s\.io)$/

/** A definition for each kind that the tree has objects of, and that nothing in it defines: charts bring those, and stand-ins do not. */
export function absentDefinitions({ placed }: ClusterTree): AbsentObjects {
  const defined = new Set(
    placed.flatMap(({ object }) => {
      const [group, kind] = [textAt(object, 'spec', 'group'), textAt(object, 'spec', 'names', 'kind')]
      return textAt(object, 'kind') === 'CustomResourceDefinition' ? [`${group} ${kind}`] : []
    }),
  )
  const kinds = new Map<string, { group: string; kind: string; of: ManifestObject[] }>()
  for (const one of placed) {
    const group = groupOf(one)
    const key = `${group} ${one.kind}`
    if (ownGroups.test(group) || isFluxKind({ apiVersion: `${group}/` }) || one.kind === '' || defined.has(key)) continue
    kinds.set(key, { group, kind: one.kind, of: [...(kinds.get(key)?.of ?? []), one] })
  }
  return {
    objects: [...kinds.values()].map(({ group, kind, of }) => definition(group, kind, of)),
    standIns: [...kinds.values()].map(({ group, kind }) => ({
      kind: 'definition',
      name: `${kind}.${group}`,
      inPlaceOf: 'the CRD that a chart installs; it accepts any field, and no controller acts on its objects',
    })),
  }
}

function groupOf({ object }: ManifestObject): string {
  const [group = '', version] = textAt(object, 'apiVersion').split('/')
  return version === undefined ? '' : group
}

function definition(group: string, kind: string, of: readonly ManifestObject[]): unknown {
  const singular = kind.toLowerCase()
  const plural = /(s|x|ch|sh)$/.test(singular)
    ? `${singular}es`
    : /[^aeiou]y$/.test(singular)
      ? `${singular.slice(0, -1)}ies`
      : `${singular}s`
  const versions = [...new Set(of.map(({ object }) => textAt(object, 'apiVersion').split('/')[1] ?? ''))]
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
  // Groups below k8s.io are only served with the word of those who keep them.
  const protectedGroup = /(^|\.)(k8s|kubernetes)\.io$/.test(group)
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      ...(protectedGroup ? { annotations: { 'api-approved.kubernetes.io': 'unapproved, a stand-in of the lab' } } : {}),
    },
    spec: {
      group,
      names: { kind, plural, singular, listKind: `${kind}List` },
      // kustomize puts the target namespace into objects of kinds that it does not know, too.
      scope: kind.startsWith('Cluster') || of.every(({ namespace }) => namespace === '') ? 'Cluster' : 'Namespaced',
      versions: versions.map((name, index) => ({ name, served: true, storage: index === 0, schema })),
    },
  }
}

/** The objects as one file. */
export function manifestOf(objects: readonly unknown[]): string {
  return `# Stand-ins for what the lab cannot fetch: npx zx scripts/lab.ts status\n${objects.map((one) => `---\n${stringify(one, { lineWidth: 0 })}`).join('')}`
}

/** What a cluster's tree asks for by values of objects that cannot be made, as words for people. */
export function unfulfilled({ applied, placed }: ClusterTree, workshop: Workshop, namespace: string): string[] {
  return applied.flatMap(({ kustomization }) => {
    const absent = kustomization.namespace === namespace ? [] : (variablesOf(kustomization, placed, workshop.given)?.absent ?? [])
    return absent.map(
      (what) => `${what}, which ${fluxKinds.kustomization.kind} ${kustomization.namespace}/${kustomization.name} takes variables from`,
    )
  })
}
