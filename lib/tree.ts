import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { parse, parseAllDocuments } from 'yaml'
import { type KubeObject, kinds, nameOf, parseObject, refOf } from './cluster/objects.ts'
import { complaintOf, shell } from './command.ts'
import { childEnvironment } from './environment.ts'
import { OperatorError } from './errors.ts'
import { checkOut, headOf, type Remote } from './git.ts'
import { patched } from './kustomize.ts'
import { projectRoot } from './settings.ts'
import { substitute } from './substitution.ts'

/** A chart as a HelmRelease of the tree asks for it. */
export interface Chart {
  /** The HelmRelease's own name. */
  readonly name: string
  readonly releaseName: string
  readonly namespace: string
  /** `oci://REGISTRY/PATH/CHART` */
  readonly url: string
  readonly version: string
  readonly insecure: boolean
  readonly values: unknown
  /** Kustomize patches that helm-controller lays over the rendered chart. */
  readonly patches: readonly unknown[]
}

/** An object as Git has it. */
export interface Applied {
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
  readonly applied: readonly Applied[]
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
}

const syncSchema = v.object({
  url: v.string(),
  ref: v.string(),
  interval: v.string(),
  path: v.string(),
  pullSecret: v.optional(v.string(), ''),
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

const settingsSchema = v.object({ kind: v.literal('ConfigMap'), data: v.record(v.string(), v.string()) })
const kustomizationSchema = v.object({ spec: v.object({ path: v.string(), patches: v.optional(v.array(v.unknown()), []) }) })
const releaseSchema = v.object({
  metadata: v.object({ name: v.string(), namespace: v.string() }),
  spec: v.object({
    chartRef: v.object({ kind: v.literal('OCIRepository'), name: v.string() }),
    releaseName: v.optional(v.string()),
    targetNamespace: v.optional(v.string()),
    values: v.optional(v.unknown(), {}),
    postRenderers: v.optional(v.array(v.strictObject({ kustomize: v.strictObject({ patches: v.array(v.unknown()) }) })), []),
  }),
})
const sourceSchema = v.object({
  metadata: v.object({ name: v.string() }),
  spec: v.object({ url: v.string(), insecure: v.optional(v.boolean(), false), ref: v.object({ tag: v.string() }) }),
})

/** The cluster's settings as the person's own checkout has them: they say where the remote is. */
export async function readLocalSettings(cluster: string): Promise<Readonly<Record<string, string>>> {
  const path = join('kubernetes', 'clusters', cluster, 'settings.yaml')
  const content = await readFile(join(projectRoot, path), 'utf8').catch(() => undefined)
  if (content === undefined) {
    throw new OperatorError(`there is no ${path}: the tree has no cluster "${cluster}"`, {
      kind: 'usage',
      remedy: 'name the folder below kubernetes/clusters with --cluster NAME',
    })
  }
  const settings = v.safeParse(settingsSchema, parse(content))
  if (settings.success) return settings.output.data
  throw new OperatorError(`${path} is not the ConfigMap flux-settings with text values: ${v.summarize(settings.issues)}`, { kind: 'usage' })
}

/**
 * Fetches what the remote's head says about a cluster, and builds it as Flux will.
 * @param folder an empty folder for the checkout; the caller removes it
 * @throws OperatorError `blocked` where Git cannot be read, or the tree cannot be built
 */
export async function fetchTree(remote: Remote, cluster: string, folder: string, kubectl: string, signal: AbortSignal): Promise<Tree> {
  const commit = await headOf(remote, signal)
  await checkOut(remote, commit, 'kubernetes', folder, signal).catch((error: unknown) => {
    if (!(error instanceof OperatorError) || !error.message.includes('pathspec')) throw error
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
  const own = await buildFolder(join(folder, 'kubernetes', 'clusters', cluster), kubectl, where)
  const configMap = own.find((object) => object.kind === 'ConfigMap' && object.metadata.name === 'flux-settings')
  if (configMap === undefined) throw blocked(`${where} holds no ConfigMap flux-settings`)
  const settings = { ...v.parse(settingsSchema, configMap).data, ...overrides }
  const kustomizations = own.filter(({ kind }) => kind === kinds.kustomization.kind)

  const partOf = async (part: string): Promise<{ chart: Chart; applied: Applied[] }> => {
    const name = `${cluster}-gitops-${part}`
    const kustomization = kustomizations.find(({ metadata }) => metadata.name === name)
    if (kustomization === undefined) throw blocked(`kubernetes/clusters/${cluster} holds no Flux Kustomization ${name}`)
    const { path, patches } = v.parse(kustomizationSchema, kustomization).spec
    const objects = await buildFolder(join(folder, path), kubectl, path, { patches, variables: settings })
    return { chart: findChart(objects, path), applied: objects.map((object) => ({ object, by: name })) }
  }
  const [operatorPart, instancePart] = await Promise.all([partOf('flux-operator'), partOf('flux-instance')])
  const [operator, instance] = [operatorPart.chart, instancePart.chart]
  const values = v.safeParse(instanceSchema, instance.values)
  if (!values.success) throw blocked(`the values of HelmRelease ${instance.name} are not understood: ${v.summarize(values.issues)}`)
  const { namespace } = instance
  const syncName = values.output.instance.sync.name ?? namespace
  const applied = [...own.map((object) => ({ object, by: syncName })), ...operatorPart.applied, ...instancePart.applied]
  return { cluster, commit, remote, settings, kustomizations, applied, operator, instance, namespace, syncName, ...values.output.instance }
}

function findChart(objects: readonly KubeObject[], path: string): Chart {
  const releases = objects.filter(({ kind }) => kind === kinds.helmRelease.kind)
  const [found] = releases
  if (found === undefined || releases.length > 1) throw blocked(`${path} holds ${releases.length} HelmReleases instead of one`)
  const release = v.safeParse(releaseSchema, found)
  if (!release.success) throw blocked(`${nameOf(refOf(found))} in ${path}: ${v.summarize(release.issues)}`)
  const { metadata, spec } = release.output
  const source = objects.find(({ kind, metadata: { name } }) => kind === kinds.ociRepository.kind && name === spec.chartRef.name)
  if (source === undefined) throw blocked(`${path} holds no OCIRepository ${spec.chartRef.name}, which its HelmRelease refers to`)
  const { url, insecure, ref } = v.parse(sourceSchema, source).spec
  return {
    name: metadata.name,
    releaseName: spec.releaseName ?? metadata.name,
    namespace: spec.targetNamespace ?? metadata.namespace,
    url,
    version: ref.tag,
    insecure,
    values: spec.values,
    patches: spec.postRenderers.flatMap(({ kustomize }) => kustomize.patches),
  }
}

/**
 * Builds a folder as kustomize-controller does: its own kustomization.yaml, the Flux Kustomization's patches, then its variables.
 * @param where what people call the folder
 */
export async function buildFolder(
  folder: string,
  kubectl: string,
  where: string,
  more: { patches: readonly unknown[]; variables?: Readonly<Record<string, string>> } = { patches: [] },
): Promise<KubeObject[]> {
  const cannot = (what: string) => (error: unknown) => {
    throw blocked(`${where} cannot be ${what}: ${complaintOf(error).replaceAll(folder, where)}`)
  }
  const { stdout } = await shell(childEnvironment())`${kubectl} kustomize ${folder}`.catch(cannot('built'))
  const output = more.patches.length === 0 ? stdout : await patched(kubectl, stdout, more.patches).catch(cannot('patched'))
  return parseObjects(more.variables === undefined ? output : substitute(output, more.variables, where))
}

/** The objects of a stream of YAML documents; empty documents are left out. */
export function parseObjects(stream: string): KubeObject[] {
  return parseAllDocuments(stream, { logLevel: 'silent' }).flatMap((document) => {
    const value: unknown = document.toJS()
    return value === null || value === undefined ? [] : [parseObject(value)]
  })
}

function blocked(what: string): OperatorError {
  return new OperatorError(what, { kind: 'blocked', remedy: 'mend it in Git, push, and run again' })
}
