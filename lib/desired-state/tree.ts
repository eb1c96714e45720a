import { join } from 'node:path'
import * as v from 'valibot'
import { type KubeObject } from '../kubernetes/objects.ts'
import { fluxKinds } from '../flux/kinds.ts'
import { complaintOf } from '../process/command.ts'
import { OperatorError } from '../base/errors.ts'
import { checkOut, headOf, PathMissing, type Remote } from '../tools/git.ts'
import { kustomize, patched } from './kustomize.ts'
import { BadSubstitution, substitute } from './substitution.ts'
import { settingsSchema } from '../connection/cluster-settings.ts'
import { type Chart, findChart } from './chart.ts'
import { parseObjects } from '../kubernetes/manifest.ts'

/** An object as in Git. */
export interface TreeObject {
  readonly object: KubeObject
  /** The name of the Flux Kustomization that applies it. */
  readonly by: string
}

/** What one commit says about one cluster: the only source of versions and values. */
export interface Tree {
  readonly cluster: string
  readonly commit: string
  readonly remote: Remote
  /** The cluster's `settings.yaml`: ConfigMap flux-settings. */
  readonly settings: Readonly<Record<string, string>>
  /** The Flux Kustomizations of the cluster, as Git has them. */
  readonly kustomizations: readonly KubeObject[]
  /** All objects that Flux itself is made of in Git, each with the Flux Kustomization that applies it. */
  readonly applied: readonly TreeObject[]
  readonly operator: Chart
  readonly instance: Chart
  /** The namespace that Flux lives in. */
  readonly namespace: string
  /** What Flux will follow, from the FluxInstance's own values. */
  readonly sync: v.InferOutput<typeof syncSchema>
  readonly distribution: v.InferOutput<typeof distributionSchema>
  readonly components: readonly string[]
  /** The name of the GitRepository and the root Kustomization, which the operator makes. */
  readonly syncName: string
  /** Whether it is of another layout than this project's, without a folder below kubernetes/clusters. */
  readonly isOther?: true
  /** The names of all that the cluster's folder leads to, where it is of another layout: `Deployment flux-system/source-controller`. */
  readonly placed?: ReadonlySet<string>
  /** The FluxInstance, where Git has it as a manifest; `instance` then only says what it is called, where it is, and its spec. */
  readonly plainInstance?: KubeObject
}

const syncSchema = v.object({
  url: v.string(),
  ref: v.string(),
  interval: v.string(),
  path: v.string(),
  pullSecret: v.optional(v.string(), ''),
  /** How Flux logs in with that Secret, or without: `github` is a GitHub App. */
  provider: v.optional(v.string(), 'generic'),
  name: v.optional(v.string()),
})
const distributionSchema = v.object({
  version: v.string(),
  registry: v.string(),
  /** Where the operator takes Flux's manifests from; "" for those in its own image. */
  artifact: v.optional(v.string(), ''),
  artifactPullSecret: v.optional(v.string(), ''),
  imagePullSecret: v.optional(v.string(), ''),
})
const instanceSchema = v.object({
  instance: v.object({ sync: syncSchema, distribution: distributionSchema, components: v.array(v.string()) }),
})

const kustomizationSchema = v.object({ spec: v.object({ path: v.string(), patches: v.optional(v.array(v.unknown()), []) }) })
/**
 * Fetches what the remote's head says about a cluster, and builds it as Flux will.
 * @param folder an empty folder for the checkout; the caller removes it
 * @throws OperatorError `blocked` where Git cannot be read, or the tree cannot be built
 */
export async function fetchTree(remote: Remote, cluster: string, folder: string, kubectl: string, signal: AbortSignal): Promise<Tree> {
  const commit = await headOf(remote, signal)
  await checkOut(remote, commit, 'kubernetes', folder, signal).catch((error: unknown) => {
    if (!(error instanceof PathMissing)) throw error
    throw new OperatorError(`${remote.url} has no folder kubernetes at ${remote.ref}`, {
      kind: 'blocked',
      remedy: 'push your tree, then run again',
    })
  })
  return buildTree(remote, commit, cluster, folder, kubectl)
}

/**
 * Builds the tree that is checked out in `folder`.
 * @param overrides values that win over the cluster's settings.yaml, where the tree's own are not meant
 * @throws OperatorError `blocked` where it cannot be built
 */
export async function buildTree(
  remote: Remote,
  commit: string,
  cluster: string,
  folder: string,
  kubectl: string,
  overrides: Readonly<Record<string, string>> = {},
): Promise<Tree> {
  const where = `kubernetes/clusters/${cluster} at ${commit.slice(0, 12)}`
  const own = await buildFolder(folder, `kubernetes/clusters/${cluster}`, kubectl, where)
  const configMap = own.find((object) => object.kind === 'ConfigMap' && object.metadata.name === 'flux-settings')
  if (configMap === undefined) throw blocked(`${where} holds no ConfigMap flux-settings`)
  const settings = { ...v.parse(settingsSchema, configMap).data, ...overrides }
  const kustomizations = own.filter(({ kind }) => kind === fluxKinds.kustomization.kind)

  const partOf = async (part: string): Promise<{ chart: Omit<Chart, 'tracksDigest'>; applied: TreeObject[] }> => {
    const name = `${cluster}-gitops-${part}`
    const kustomization = kustomizations.find(({ metadata }) => metadata.name === name)
    if (kustomization === undefined) throw blocked(`kubernetes/clusters/${cluster} holds no Flux Kustomization ${name}`)
    const { path, patches } = v.parse(kustomizationSchema, kustomization).spec
    const objects = await buildFolder(folder, path, kubectl, path, { patches, variables: settings })
    return { chart: findChart(objects, path), applied: objects.map((object) => ({ object, by: name })) }
  }
  const [operatorPart, instancePart] = await Promise.all([partOf('flux-operator'), partOf('flux-instance')])
  // The feature gate of helm-controller, which a patch of the FluxInstance sets.
  const tracksDigest = !JSON.stringify(instancePart.chart.values).includes('DisableChartDigestTracking=true')
  const operator: Chart = { ...operatorPart.chart, tracksDigest }
  const instance: Chart = { ...instancePart.chart, tracksDigest }
  const values = v.safeParse(instanceSchema, instance.values)
  if (!values.success) throw blocked(`the values of HelmRelease ${instance.name} are not valid: ${v.summarize(values.issues)}`)
  const { namespace } = instance
  const syncName = values.output.instance.sync.name ?? namespace
  const applied = [...own.map((object) => ({ object, by: syncName })), ...operatorPart.applied, ...instancePart.applied]
  return { cluster, commit, remote, settings, kustomizations, applied, operator, instance, namespace, syncName, ...values.output.instance }
}

/**
 * Builds a folder as kustomize-controller does: its own kustomization.yaml, the Flux Kustomization's patches, then its variables.
 * @param root the checkout, out of which nothing may lead
 * @param where what people call the folder
 */
export async function buildFolder(
  root: string,
  folder: string,
  kubectl: string,
  where: string,
  more: { patches: readonly unknown[]; variables?: Readonly<Record<string, string>> } = { patches: [] },
): Promise<KubeObject[]> {
  const cannot = (what: string) => (error: unknown) => {
    const complaint = complaintOf(error).replaceAll(join(root, folder), where)
    throw blocked(`${where} cannot be ${what}: ${complaint}`, error instanceof OperatorError ? error.remedy : undefined)
  }
  const built = await kustomize(kubectl, root, folder).catch(cannot('built'))
  const output = more.patches.length === 0 ? built : await patched(kubectl, built, more.patches).catch(cannot('patched'))
  if (more.variables === undefined) return parseObjects(output)
  try {
    return parseObjects(substitute(output, more.variables, where))
  } catch (error) {
    if (error instanceof BadSubstitution) throw blocked(`${where} cannot be built: ${error.message}`)
    throw error
  }
}

function blocked(what: string, remedy = 'fix it in Git'): OperatorError {
  return new OperatorError(what, { kind: 'blocked', remedy: `${remedy}, push, and run again` })
}
