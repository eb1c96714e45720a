import * as v from 'valibot'
import { nearestVersions, order } from '../../../base/version.ts'
import { OperatorError } from '../../../base/errors.ts'
import type { TextFile } from '../../../desired-state/version-places.ts'
import { readFollowedFiles } from '../../../desired-state/followed-files.ts'
import { readsFrom } from '../../../flux/brought-by.ts'
import { imageIn } from '../../../flux/components.ts'
import { listControllerCrds } from '../../../flux/crds.ts'
import { distributionOf } from '../../../flux/install-manifests.ts'
import { type Installation, readInstallation } from '../../../flux/installation.ts'
import { readFlux } from '../../../flux/installations.ts'
import { componentsIn, shardsIn } from '../../../flux/installer.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { appLabels } from '../../../flux/labels.ts'
import { listFluxObjects } from '../../../flux/object-status.ts'
import { nameIn } from '../../../flux/refs.ts'
import { kinds, type KubeObject } from '../../../kubernetes/objects.ts'
import type { Session } from '../../../connection/session.ts'
import type { Settings } from '../../../connection/settings.ts'
import type { Target } from '../../../connection/target.ts'
import { checkKubernetesVersion } from '../../../preflight/kubernetes-version.ts'
import { blocks, createPreflight, type Finding } from '../../../preflight/preflight.ts'
import { checkPrograms } from '../../../preflight/programs.ts'
import { checkRights } from '../../../preflight/rights.ts'
import { inClone } from '../../../tools/git-clone.ts'
import { checkStackSecrets, usualSecrets } from '../../bootstrap/checks/stack-secrets.ts'
import { checkStackState } from '../../bootstrap/checks/stack-state.ts'
import type { InstallContext } from '../../bootstrap/installers/installer.ts'
import type { Preview } from '../../bootstrap/pulumi-output.ts'
import { buildAndPreview } from '../../bootstrap/pulumi-preview.ts'
import type { Stack } from '../../bootstrap/pulumi-stack.ts'
import { type ApiChanges, apiChanges } from '../checks/api-versions.ts'
import { judgeHealth, readyOf, settledHealth } from '../checks/health.ts'
import { versionRights } from '../checks/rights.ts'
import type { UpgradeInputs, UpgradeRequest } from '../prepare.ts'
import type { ChartChange, UpgradeState } from '../state.ts'
import { staleObjects } from '../steps/migrate-apis.ts'
import { apiFindings, nothingDone, versionNotes } from '../version-notes.ts'
import { chartAddress, chartsFrom, configuredVersion, runningChart, versionKey } from './charts.ts'

/** What an upgrade by a stack is asked for, and where it reports. */
export interface StackRequest extends Pick<UpgradeRequest, 'isForced' | 'checksImages'> {
  readonly flux: string
  readonly settings: Settings
  readonly context: Pick<InstallContext, 'console' | 'isDryRun'>
}

const versionSchema = v.object({ gitVersion: v.string() })

/**
 * Checks all that could block another version of a Flux that a stack installs, and shows what Pulumi would change.
 * @throws OperatorError `blocked` with every finding, not just the first
 */
export async function prepareStackUpgrade(
  session: Session,
  target: Target,
  stack: Stack,
  asked: StackRequest,
): Promise<Pick<UpgradeInputs, 'notes' | 'notices'> & { readonly chart: ChartChange }> {
  const { cluster, tools } = session
  const { settings, context } = asked
  const preflight = createPreflight(cluster.signal)
  const { gitVersion } = v.parse(versionSchema, await cluster.read('/version'))
  const read = await preflight.learn(() => readVersions(session, target, stack, asked.flux))
  if (read === undefined) throw preflight.blocked()
  const { place, controllers, from, to, follows } = read
  const chart = { ...read.chart, isChanged: false }
  await preflight.check(
    () => checkStackSecrets(stack, settings.PULUMI_SECRETS ?? usualSecrets),
    () => checkStackState(stack, session.uid, false),
    () => checkPrograms(tools, { kubernetes: gitVersion, flux: to, insecure: false }),
    () => checkKubernetesVersion(gitVersion, to),
    () => checkRights(cluster, versionRights(place.namespace, asked.checksImages)),
    async () => judgeHealth(await settledHealth(session, place, asked.isForced), asked.isForced),
  )
  const notices = preflight.conclude()

  const preview = await buildAndPreview(stack.planned({ [versionKey]: chart.to }), settings.PULUMI_BUILD, context)
  const distribution = distributionOf(preview.objects, to)
  const crds = await listControllerCrds(cluster)
  const changes = apiChanges(crds, distribution, to)
  const objects = await listFluxObjects(cluster, crds)
  const stale = staleObjects(objects, crds, changes.removedVersions)
  const judged = createPreflight(cluster.signal)
  const files = await judged.learn(() => filesInGit(session, target, follows, changes))
  await judged.check(
    () => judgePreview(preview, stack, chart.to, to),
    () => apiFindings({ isForced: asked.isForced, crds, changes, stale, to, files: files ?? [], folder: '.' }),
  )
  const components = controllers.map((one) => ({ name: one.metadata.name, tag: imageIn(one).split(':').at(-1) ?? '' }))
  const notes: UpgradeState = {
    from: { flux: from, operator: '' },
    to: { flux: to, operator: '' },
    place,
    chart,
    before: {},
    after: {},
    ready: readyOf(objects),
    isBehind: false,
    ...versionNotes({ isBack: false }, to, { components, crds, distribution, changes }),
    ...nothingDone,
  }
  return { notes, chart, notices: [...notices, ...preview.notices, ...judged.conclude()] }
}

/** What runs, what it is to come to, and by which versions of the chart. */
interface StackVersions extends Pick<Installation, 'follows'> {
  readonly place: UpgradeState['place']
  readonly controllers: readonly KubeObject[]
  readonly chart: { readonly from: string; readonly to: string }
  readonly from: string
  readonly to: string
}

async function readVersions(session: Session, target: Target, stack: Stack, to: string): Promise<StackVersions> {
  const { cluster, registry } = session
  const { namespace, version: from = '', follows } = await readInstallation(cluster)
  const config = await stack.readConfig()
  const configured = configuredVersion(stack, config)
  if (order(to, from) < 0) {
    throw blocked(
      `Flux ${to} is older than ${from}, which runs: that is not an upgrade`,
      `set ${versionKey} to the older chart: ${stack.typed(`config set ${versionKey} X.Y.Z`)}; then: npx zx scripts/bootstrap.ts ${target.where} --via pulumi`,
    )
  }
  const controllers = (await readFlux(cluster)).controllers.filter(
    (one) => one.metadata.namespace === namespace && componentsIn(one).length > 0 && shardsIn(one).length === 0,
  )
  // Where the configuration is ahead of the cluster, the controllers say which chart ran.
  const running = runningChart(controllers) ?? configured
  const address = chartAddress(config)
  const charts = to === from ? [{ version: running, flux: to }] : await chartsFrom(address, running, registry, cluster.signal)
  const wanted = charts.find(({ flux }) => flux === to)
  if (wanted === undefined) {
    const near = nearestVersions(
      to,
      charts.map(({ flux }) => flux).filter((flux) => order(flux, from) > 0),
    )
    const others = near.length === 0 ? '' : `; the nearest that exist are ${near.join(', ')}`
    throw blocked(`no chart ${address} installs Flux ${to}${others}`, near[0] === undefined ? `--list` : `--to ${near[0]}`)
  }
  const place: UpgradeState['place'] = {
    namespace,
    syncName: follows === undefined ? namespace : nameIn(namespace, follows.source),
    ...(follows === undefined ? {} : { rootName: nameIn(namespace, follows.root) }),
    kustomizations: [],
    installs: 'manifests',
  }
  return { place, controllers, chart: { from: running, to: wanted.version }, from, to, follows }
}

/** What Git has for this cluster, where API versions go away in which it may have something. */
async function filesInGit(
  { cluster, folder }: Session,
  { login }: Target,
  follows: Installation['follows'],
  { removedVersions }: ApiChanges,
): Promise<readonly TextFile[]> {
  if (removedVersions.size === 0 || follows?.source.kind !== fluxKinds.gitRepository.kind) return []
  const { url, ref, source } = follows
  const all = (await cluster.list(fluxKinds.kustomization)).map(readsFrom)
  const own = all.filter((one) => one.kind === source.kind && one.namespace === source.namespace && one.name === source.name)
  return inClone({ url, ref, login }, folder(), cluster.signal, (clone) =>
    readFollowedFiles(clone.folder, [...new Set(own.map((one) => one.folder))]),
  )
}

/** Whether the program leads to that version, and to nothing worse. */
function judgePreview({ objects, lost }: Preview, stack: Stack, chart: string, flux: string): Finding[] {
  const controllers = objects.filter((one) => one.kind === kinds.deployment.kind && componentsIn(one).length > 0)
  const others = controllers.filter(({ metadata }) => metadata.labels[appLabels.version]?.replace(/^v/, '') !== flux)
  const isLed = controllers.length > 0 && others.length === 0
  return [
    ...(isLed
      ? []
      : [
          blocks(
            `with ${versionKey} ${chart}, the program of the Pulumi stack ${stack.name} does not lead to Flux ${flux}`,
            stack.typed('preview --diff --refresh'),
          ),
        ]),
    ...(lost.length === 0
      ? []
      : [
          blocks(
            `pulumi up would delete ${lost.join(', ')}, with all that is in them`,
            `retain them in the program (retainOnDelete, as in pulumi/flux-bootstrap.ts): ${stack.typed('preview --diff --refresh')}`,
          ),
        ]),
  ]
}

function blocked(what: string, remedy: string): OperatorError {
  return new OperatorError(what, { kind: 'blocked', remedy })
}
