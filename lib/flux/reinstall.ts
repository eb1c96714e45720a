import * as v from 'valibot'
import { parseDuration } from '../base/duration.ts'
import { printable, scriptCall, shellQuote } from '../base/shell-line.ts'
import type { Cluster } from '../kubernetes/client.ts'
import { kinds, type KubeObject } from '../kubernetes/objects.ts'
import { chartOf, chartSourceOf } from './chart-source.ts'
import { imageIn } from './components.ts'
import { newestRevision, releaseOf, valuesOfRelease } from './helm-release.ts'
import type { Installation } from './installation.ts'
import type { FluxThere } from './installations.ts'
import { argumentsIn, componentsIn, installerTitles, shardsIn } from './installer.ts'
import { isPartOfFlux } from './labels.ts'
import { ownFolderOf } from './own-tree.ts'
import { mainInstance } from './refs.ts'

/** How a Flux that is gone comes back, as it had been installed. */
export interface Reinstallation {
  /** `the flux CLI` */
  readonly by: string
  /** The commands to paste, in their order. */
  readonly commands: readonly string[]
  /** Whether what a capture holds has to be there before: Flux's login for Git, for one that begins to follow it at once. */
  readonly needsSecretsFirst: boolean
  /** What has to be kept before it is gone, and the command that keeps it. */
  readonly keepFirst?: string
}

/** How programs are to reach the cluster. */
export interface Reach {
  readonly context: string
  readonly kubeconfig: string | undefined
}

const networkPolicy = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' }
const charts = 'oci://ghcr.io/controlplaneio-fluxcd/charts'
const communityCharts = 'https://fluxcd-community.github.io/helm-charts'

/** Reads how a Flux can be recreated once it is gone, by what there is of it now. */
export async function readReinstallation(
  cluster: Pick<Cluster, 'get' | 'list'>,
  installation: Installation,
  there: FluxThere,
  reach: Reach,
): Promise<Reinstallation> {
  const by = installerTitles[installation.installedBy]
  switch (installation.installedBy) {
    case 'operator': {
      const folder = await ownFolderOf(cluster, installation)
      if (folder === undefined) return { by, ...(await byOperator(cluster, installation, there, reach)) }
      const flags = ['--cluster', folder, '--context', reach.context]
      const call = scriptCall('bootstrap', [...flags, ...(reach.kubeconfig === undefined ? [] : ['--kubeconfig', reach.kubeconfig])])
      return { by, commands: [`${call}   # in a checkout of ${installation.follows?.url}`], needsSecretsFirst: true }
    }
    case 'helm':
      return { by, needsSecretsFirst: false, ...(await byChart(cluster, there.controllers, { repository: communityCharts }, reach)) }
    case 'cli':
      return { by, ...(await byCli(cluster, installation, there, reach)) }
    case 'terraform':
      return { by, commands: ['terraform apply   # in the folder of the configuration that has Flux'], needsSecretsFirst: true }
    case 'pulumi':
      return { by, commands: ['pulumi up   # in the folder of the program that has Flux'], needsSecretsFirst: true }
    case 'aio': {
      const version = installation.version === undefined ? '' : ` --version ${installation.version}`
      const flags = `--namespace ${installation.namespace} --kube-context ${shellQuote(reach.context)}`
      return {
        by,
        commands: [`timoni apply flux oci://ghcr.io/stefanprodan/modules/flux-aio${version} ${flags}`],
        needsSecretsFirst: false,
      }
    }
    case 'several':
    case 'none':
      return { by, commands: [], needsSecretsFirst: false }
  }
}

async function byCli(
  cluster: Pick<Cluster, 'get' | 'list'>,
  installation: Installation,
  there: FluxThere,
  reach: Reach,
): Promise<Omit<Reinstallation, 'by'>> {
  const { follows } = installation
  const branch = /^refs\/heads\/(.+)$/.exec(follows?.ref ?? '')?.[1]
  const ready = [...(await readCliFlags(cluster, installation, there)), ...reachFlags(reach)]
  if (follows?.appliesItself !== true || branch === undefined) {
    return { commands: [printable(['flux', 'install', ...ready])], needsSecretsFirst: false }
  }
  const [root, source] = await Promise.all([cluster.get(follows.root), cluster.get(follows.source)])
  const path = v.parse(pathSchema, root ?? {}).spec.path
  const { secretRef, interval } = v.parse(followedSchema, source ?? {}).spec
  const secret = secretRef?.name
  const isHttp = /^https?:/.test(follows.url)
  const words = [
    'flux bootstrap git'.split(' '),
    [`--url=${follows.url}`, `--branch=${branch}`, `--path=${path}`],
    secret === undefined ? [] : [`--secret-name=${secret}`],
    parseDuration(interval) === parseDuration(usualInterval) ? [] : [`--interval=${interval}`],
    isHttp ? ['--token-auth', ...(await usernameFlag(cluster, follows.source.namespace, secret))] : [], // GIT_PASSWORD, or it asks for it
    follows.url.startsWith('http:') ? ['--allow-insecure-http'] : [],
    ready,
  ]
  return { commands: [printable(words.flat())], needsSecretsFirst: true }
}
/** Who logs in to Git, as the Secret says that Flux does it with: no more than the name is read of it. */
async function usernameFlag(cluster: Pick<Cluster, 'get'>, namespace: string, secret: string | undefined): Promise<string[]> {
  const live = secret === undefined ? undefined : await cluster.get({ ...kinds.secret, namespace, name: secret })
  const { username } = v.parse(usernameSchema, live ?? {}).data
  return username === undefined ? [] : [`--username=${Buffer.from(username, 'base64').toString()}`]
}
const usernameSchema = v.object({ data: v.optional(v.object({ username: v.optional(v.string()) }), {}) })

const pathSchema = v.object({ spec: v.optional(v.object({ path: v.optional(v.string(), './') }), {}) })
/** How often `flux bootstrap` fetches Git, where nothing says. */
const usualInterval = '1m'
const followedSchema = v.object({
  spec: v.optional(
    v.object({ secretRef: v.optional(v.object({ name: v.string() })), interval: v.optional(v.string(), usualInterval) }),
    {},
  ),
})

/** The flags of `flux install` that make what is there. */
export async function readCliFlags(
  cluster: Pick<Cluster, 'list'>,
  installation: Installation,
  { controllers }: FluxThere,
): Promise<string[]> {
  const policies = await cluster.list(networkPolicy, { namespace: installation.namespace })
  return cliFlags(installation, controllers, policies.some(isPartOfFlux))
}

const podSchema = v.object({
  spec: v.object({
    template: v.object({
      spec: v.object({
        imagePullSecrets: v.optional(v.array(v.object({ name: v.string() })), []),
        tolerations: v.optional(v.array(v.object({ key: v.optional(v.string(), '') })), []),
      }),
    }),
  }),
})

/** The flags of `flux install` that make what is there, or was where only its CustomResourceDefinitions are left. */
export function cliFlags(
  { version, namespace, components }: Pick<Installation, 'version' | 'namespace' | 'components'>,
  controllers: readonly KubeObject[],
  hasPolicies: boolean,
): string[] {
  const own = controllers.filter((one) => one.metadata.namespace === namespace && componentsIn(one).length > 0)
  const main = own.find((one) => shardsIn(one).length === 0)
  const all = own.flatMap(argumentsIn)
  const pod = main === undefined ? undefined : v.parse(podSchema, main).spec.template.spec
  const registry = main === undefined ? undefined : imageIn(main).replace(/\/[^/]+$/, '')
  const level = all.flatMap((one) => /^--log-level=(.+)$/.exec(one)?.[1] ?? []).find((one) => one !== 'info')
  const domain = all.flatMap((one) => /^--events-addr=.*\.svc\.(.+?)\.?\/?$/.exec(one)?.[1] ?? []).find((one) => one !== 'cluster.local')
  const tolerated = (pod?.tolerations ?? []).map(({ key }) => key).filter((key) => key !== '')
  const pullSecret = pod?.imagePullSecrets[0]?.name
  return [
    ...(version === undefined ? [] : [`--version=v${version}`]),
    `--components=${components.join(',')}`,
    `--namespace=${namespace}`,
    ...(registry === undefined ? [] : [`--registry=${registry}`]),
    ...(all.includes('--watch-all-namespaces=false') ? ['--watch-all-namespaces=false'] : []),
    ...(main === undefined || hasPolicies ? [] : ['--network-policy=false']),
    ...(level === undefined ? [] : [`--log-level=${level}`]),
    ...(domain === undefined ? [] : [`--cluster-domain=${domain}`]),
    ...(pullSecret === undefined ? [] : [`--image-pull-secret=${pullSecret}`]),
    ...(tolerated.length === 0 ? [] : [`--toleration-keys=${tolerated.join(',')}`]),
  ]
}

/** The operator by its chart or its manifests, then its FluxInstance, unless that is an object that a capture restores. */
async function byOperator(
  cluster: Pick<Cluster, 'get' | 'list'>,
  { namespace }: Installation,
  { operators, instances }: FluxThere,
  reach: Reach,
): Promise<Omit<Reinstallation, 'by'>> {
  const [operator] = operators
  const instance = mainInstance(instances)
  const version = operator === undefined ? '' : (imageIn(operator).split(':').at(-1) ?? '')
  const manifests = `https://github.com/controlplaneio-fluxcd/flux-operator/releases/download/${version}/install.yaml`
  const isReleased = operator === undefined || releaseOf(operator) !== undefined
  const first = isReleased
    ? await byChart(cluster, operator === undefined ? [] : [operator], { name: 'flux-operator', namespace, oci: charts }, reach)
    : { commands: [`kubectl --context ${shellQuote(reach.context)} apply --filename ${manifests}`] }
  const second =
    instance !== undefined && releaseOf(instance) !== undefined
      ? await byChart(cluster, [instance], { name: 'flux-instance', namespace, oci: charts }, reach)
      : { commands: [] }
  const keepFirst = [first, second].flatMap((one) => ('keepFirst' in one && one.keepFirst !== undefined ? [one.keepFirst] : [])).join('; ')
  return {
    commands: [...first.commands, ...second.commands],
    needsSecretsFirst: true,
    ...(keepFirst === '' ? {} : { keepFirst }),
  }
}

/** The chart of the Helm release that these objects say they belong to, in the version that is there. */
async function byChart(
  cluster: Pick<Cluster, 'get' | 'list'>,
  objects: readonly KubeObject[],
  chart: { readonly repository?: string; readonly oci?: string; readonly name?: string; readonly namespace?: string },
  { context, kubeconfig }: Reach,
): Promise<Pick<Reinstallation, 'commands' | 'keepFirst'>> {
  const object = objects.find((one) => releaseOf(one) !== undefined)
  const release = object === undefined ? { name: chart.name ?? 'flux2', namespace: chart.namespace ?? '' } : releaseOf(object)
  if (release === undefined) return { commands: [] }
  const labelled = object === undefined ? undefined : chartOf(object)
  const source = object === undefined ? undefined : await chartSourceOf(cluster, object)
  const name = chart.name ?? labelled?.name ?? 'flux2'
  const stored = await newestRevision(cluster, release.namespace, release.name)
  const file = `${release.name}-values.yaml`
  const hasValues = stored !== undefined && Object.keys(valuesOfRelease(stored)).length > 0
  const place = [
    `--namespace=${release.namespace}`,
    `--kube-context=${context}`,
    ...(kubeconfig === undefined ? [] : [`--kubeconfig=${kubeconfig}`]),
  ]
  const words = [
    ['helm', 'install', release.name, source?.url ?? (chart.oci === undefined ? name : `${chart.oci}/${name}`)],
    source?.insecure === true ? ['--plain-http'] : [],
    chart.repository === undefined || source !== undefined ? [] : [`--repo=${chart.repository}`],
    labelled === undefined ? [] : [`--version=${labelled.version}`],
    ['--create-namespace', ...place],
    hasValues ? [`--values=${file}`] : [],
  ]
  const keep = `${printable(['helm', 'get', 'values', release.name, '--output=yaml', ...place])} > ${shellQuote(file)}`
  return { commands: [printable(words.flat())], ...(hasValues ? { keepFirst: keep } : {}) }
}

/** Which cluster, for the flux CLI. */
export function reachFlags({ context, kubeconfig }: Reach): string[] {
  return [`--context=${context}`, ...(kubeconfig === undefined ? [] : [`--kubeconfig=${kubeconfig}`])]
}
