import { counted } from '../../../base/counted.ts'
import * as v from 'valibot'
import { settling, someOf } from '../checks/health.ts'
import { type Baseline, type UnreadyObjects, judgeObjects } from '../judge-objects.ts'
import { listFluxObjects } from '../../../flux/object-status.ts'
import { listControllerCrds } from '../../../flux/crds.ts'
import { askFluxCli } from '../../../flux/cli-opinion.ts'
import { movedComponents } from '../../../flux/instance.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds, nameOf } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { type FluxPlace, refsIn } from '../../../flux/refs.ts'
import type { Access } from '../../../connection/kubeconfig.ts'
import type { Step } from '../../../runner/step.ts'
import type { Tags } from './missing-images.ts'
import { versionStatus } from './rollout.ts'

/** What must be so once a version runs. */
export interface Expected {
  readonly place: FluxPlace
  readonly version: string
  /** The controllers' tags before, for the report. */
  readonly images: Tags
  /** Those of the version; empty where they are not known. */
  readonly newImages: Tags
  readonly before: () => Baseline
  readonly access: Access
  readonly flux: string | undefined
}

/**
 * Checks the whole: controllers at their images, CRDs, every object Ready again that brings Flux or that the version could have broken, and that
 * the flux CLI agrees. What fails for a reason of its own is given a moment, and then reported.
 */
export function verifyVersions(expected: Expected): Step {
  const { place, version, images, newImages } = expected
  let elsewhereSince: number | undefined
  const { instance: ref } = refsIn(place)
  return {
    id: 'verify',
    title: `Verify Flux ${version}`,
    risk: 'safe',
    async check({ cluster, signal }) {
      const crds = await listControllerCrds(cluster)
      const before = expected.before()
      const judged = judgeObjects(await listFluxObjects(cluster, crds), before)
      const rollout = await versionStatus(cluster, place, version, { before: images, images: newImages })
      // The operator reconciles the FluxInstance again and again: what fails says more than that it is reconciling just now.
      const failing = judged.version.find(({ name }) => ref === undefined || name !== nameOf(ref))
      if (rollout.is !== 'done') return failing === undefined ? rollout : { is: 'waiting', on: failing.reported }
      for (const { name, isEstablished, stored, versions } of crds) {
        if (!isEstablished) return { is: 'waiting', on: `CustomResourceDefinition ${name} to be established` }
        const lost = stored.filter((one) => !versions.includes(one))
        if (lost.length > 0) return { is: 'waiting', on: `${name}: objects are stored as ${lost.join(', ')}, which it does not have` }
      }
      const [unready] = judged.version
      if (unready !== undefined) return { is: 'waiting', on: unready.reported }
      const [elsewhere] = judged.elsewhere
      elsewhereSince = elsewhere === undefined ? undefined : (elsewhereSince ?? Date.now())
      if (elsewhere !== undefined && Date.now() - (elsewhereSince ?? 0) < settling) return { is: 'waiting', on: elsewhere.reported }
      const components = await componentsAt(cluster, expected)
      const cli = await askFluxVersions(expected, components, signal)
      if (cli.is === 'waiting') return cli
      return {
        is: 'done',
        detail: `${counted(components.length, 'controller')} at the expected images, ${counted(crds.length, 'CRD')}, ${readyAgain(judged, before)}${cli.words}`,
      }
    },
    apply: () => Promise.resolve(),
    watches: [fluxKinds.fluxInstance, kinds.deployment, fluxKinds.kustomization, fluxKinds.helmRelease].map((kind) => ({
      kind,
      query: {},
    })),
  }
}

/** Whether an object fails because of the version that does not bring Flux itself: that no waiting helps. */
export async function failsOfVersion(cluster: Cluster, { before }: Expected): Promise<boolean> {
  const baseline = before()
  const { version } = judgeObjects(await listFluxObjects(cluster, await listControllerCrds(cluster)), baseline)
  return version.some(({ name }) => !baseline.own.has(name))
}

/** The controllers that are to be there, and their tags. */
async function componentsAt(cluster: Cluster, { place, newImages }: Expected): Promise<readonly { name: string; tag: string }[]> {
  const { instance: ref } = refsIn(place)
  if (ref === undefined) return Object.entries(newImages).map(([name, tag]) => ({ name, tag }))
  const instance = await cluster.get(ref)
  return instance === undefined ? [] : movedComponents(cluster, instance)
}

function readyAgain({ elsewhere }: UnreadyObjects, { ready }: Baseline): string {
  const count = `${counted(Object.keys(ready).length - elsewhere.length, 'object')} Ready as before`
  const reported = (isPending: boolean): string[] => elsewhere.filter((one) => one.isPending === isPending).map((one) => one.reported)
  const [pending, failing] = [reported(true), reported(false)]
  return [
    count,
    ...(pending.length === 0 ? [] : [`not reconciled again yet: ${someOf(pending)}`]),
    ...(failing.length === 0 ? [] : [`not Ready for reasons of their own: ${someOf(failing)}`]),
  ].join('; ')
}

const versionsSchema = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.string()))

/** What `flux version` says of the controllers, to be appended to what was verified, or that it says something else. */
async function askFluxVersions(
  { access, flux, place: { namespace } }: Expected,
  components: readonly { name: string; tag: string }[],
  signal: AbortSignal,
): Promise<{ readonly is: 'agrees'; readonly words: string } | { readonly is: 'waiting'; readonly on: string }> {
  if (flux === undefined) return { is: 'agrees', words: '' }
  const opinion = await askFluxCli({ flux, access, namespace, args: ['version', '--output=json'] }, signal)
  if (opinion.is === 'not-asked') return { is: 'agrees', words: `; ${opinion.why}` }
  if (opinion.is === 'refused') return { is: 'waiting', on: opinion.complaint }
  const said = v.safeParse(versionsSchema, opinion.text)
  if (!said.success) return { is: 'waiting', on: `the output of flux version cannot be parsed: ${opinion.text.trim()}` }
  const other = components.find(({ name, tag }) => said.output[name]?.split('@')[0] !== tag)
  return other === undefined
    ? { is: 'agrees', words: '; the flux CLI reports the same version' }
    : { is: 'waiting', on: `flux version to say ${other.name} ${other.tag}; it says ${said.output[other.name] ?? 'nothing'}` }
}
