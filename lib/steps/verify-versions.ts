import * as v from 'valibot'
import type { Cluster } from '../cluster/cluster.ts'
import { healthOf, listControllerCrds, listFluxObjects } from '../cluster/flux-objects.ts'
import { stateOf } from '../cluster/flux-instance.ts'
import { kinds } from '../cluster/objects.ts'
import { complaintOf, shell } from '../command.ts'
import { type FluxPlace, refsIn } from '../flux-place.ts'
import type { Access } from '../kubeconfig.ts'
import type { Step } from '../step.ts'
import { lookAtRollout } from './rollout.ts'

/** What must be so once a version runs. */
export interface Expected {
  readonly place: FluxPlace
  readonly version: string
  /** The controllers' tags before, for the telling. */
  readonly images: Readonly<Record<string, string>>
  /** The revision of each object that was Ready before, by its name. */
  readonly ready: Readonly<Record<string, string>>
  /** Whether objects may have gone with commits that came along. */
  readonly isBehind: boolean
  readonly access: Access
  readonly flux: string | undefined
}

/** Checks the whole: controllers at their images, CRDs, every object of Flux Ready again, and that the flux CLI agrees. */
export function verifyVersions(expected: Expected): Step {
  const { place, version, images } = expected
  const { instance: ref } = refsIn(place)
  const { namespace } = place
  return {
    id: 'verify',
    title: `Verify Flux ${version}`,
    risk: 'safe',
    async look({ cluster }) {
      const instance = await cluster.get(ref)
      if (instance === undefined) return { is: 'waiting', on: 'the FluxInstance' }
      const look = await lookAtRollout(cluster, namespace, instance, version, images)
      if (look.is !== 'done') return look
      const crds = await listControllerCrds(cluster)
      for (const { name, isEstablished, stored, versions } of crds) {
        if (!isEstablished) return { is: 'waiting', on: `CustomResourceDefinition ${name} to be established` }
        const lost = stored.filter((one) => !versions.includes(one))
        if (lost.length > 0) return { is: 'waiting', on: `${name}: objects are stored as ${lost.join(', ')}, which it does not have` }
      }
      const unready = stillUnready(healthOf(await listFluxObjects(cluster, crds)), expected)
      if (unready !== undefined) return { is: 'waiting', on: unready }
      const { components } = stateOf(instance)
      const agrees = await askFlux(expected, components)
      if (agrees !== undefined) return { is: 'waiting', on: agrees }
      const cli = expected.flux === undefined ? '' : '; flux version agrees'
      return {
        is: 'done',
        detail: `${components.length} controllers at their images, ${crds.length} CRDs, ${Object.keys(expected.ready).length} objects Ready as before${cli}`,
      }
    },
    act: () => Promise.resolve(),
    watches: [kinds.fluxInstance, kinds.deployment, kinds.kustomization, kinds.helmRelease].map((kind) => ({ kind, query: {} })),
  }
}

/** Which of the objects that were Ready is not; undefined where all are, with a revision where they had one. */
function stillUnready(now: ReturnType<typeof healthOf>, { ready, isBehind }: Expected): string | undefined {
  for (const [name, revision] of Object.entries(ready)) {
    const health = now.get(name)
    if (health === undefined && isBehind) continue
    if (health === undefined) return `${name}, which is gone`
    if (health.is === 'unready') return `${name}: ${health.why}`
    if (health.is === 'suspended') return `${name}, which was suspended meanwhile`
    if (health.is !== 'ready' || (revision !== '' && health.revision === '')) return `${name}: not looked at yet`
  }
  return undefined
}

const versionsSchema = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.string()))

/** What `flux version` says that is not so; undefined where it agrees, or there is no flux CLI. */
async function askFlux(
  { access, flux, place }: Expected,
  components: readonly { name: string; tag: string }[],
): Promise<string | undefined> {
  if (flux === undefined) return undefined
  const asked = await shell(access.env)`${flux} version --context=${access.context} --namespace=${place.namespace} -o json`.nothrow()
  // A login program that asks questions has asked them already, and cannot again for another program.
  if (access.login !== undefined && asked.stderr.includes('getting credentials: exec')) return undefined
  if (asked.exitCode !== 0) return `flux version: ${complaintOf(asked)}`
  const said = v.safeParse(versionsSchema, asked.stdout)
  if (!said.success) return `flux version says what is not understood: ${asked.stdout.trim()}`
  const other = components.find(({ name, tag }) => said.output[name]?.split('@')[0] !== tag)
  return other === undefined ? undefined : `flux version to say ${other.name} ${other.tag}; it says ${said.output[other.name] ?? 'nothing'}`
}

/** What is wrong with a cluster's Flux now: the objects, by their names, that are not Ready though nobody suspended them. */
export async function unhealthy(cluster: Cluster): Promise<string[]> {
  const health = healthOf(await listFluxObjects(cluster, await listControllerCrds(cluster)))
  return [...health].flatMap(([name, is]) => (is.is === 'unready' ? [`${name}: ${is.why}`] : []))
}
