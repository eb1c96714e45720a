import * as v from 'valibot'
import { counted } from '../../../base/counted.ts'
import { listControllerCrds } from '../../../flux/crds.ts'
import type { FluxThere } from '../../../flux/installations.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds, type KubeObject, kubectlCall, nameOf, refOf } from '../../../kubernetes/objects.ts'
import { triedDeletions } from '../../../preflight/dry-runs.ts'
import { blocks, type Finding } from '../../../preflight/preflight.ts'
import type { DocumentFields } from '../../../runner/report.ts'
import type { Step } from '../../../runner/step.ts'
import { namesOf } from './judge-origin.ts'
import { checkLeaving, judgePlanned } from './judge-leaving.ts'
import { leavesWith, type LeavingOperator, readLeaving, rememberedOf } from './leaving.ts'
import { ensureFieldsReleased, ensureInstanceReleased, ensureOperatorGone, ensureReleasesGone } from './let-go.ts'
import { surviving } from './report.ts'
import type { TakeOverRequest } from './request.ts'
import { type Handover, recordIdentities, verifyIdentities } from './steps.ts'

/** The steps by which a Flux passes from flux-operator to Pulumi, around `pulumi up`. */
export interface TakeOverByPulumi {
  readonly before: readonly Step[]
  readonly after: readonly Step[]
  /** Last of all. */
  readonly prove: readonly Step[]
  readonly findings: readonly Finding[]
  /** What is wrong with what the stack would make of it. */
  readonly judge: (planned: readonly KubeObject[]) => Finding[]
  readonly report: () => DocumentFields
  /** What is left to do in the cluster. */
  readonly nextOf: (planned: readonly KubeObject[]) => readonly string[]
}

/** Who takes over. */
const taker = 'Pulumi'

/** An operator reverts whatever Pulumi changes, and Pulumi whatever the operator changes. */
export function refuseBesideOperator({ instances }: FluxThere, command: string): Finding[] {
  return instances.map((one) =>
    blocks(
      `${nameOf(refOf(one))} exists: its operator owns Flux, and would conflict with Pulumi`,
      `${command}   # the plan says what Pulumi takes over, and workloads stay; or omit --via pulumi`,
    ),
  )
}

/** Checks an operator's Flux that Pulumi is to take over; undefined where there is none, and this run has not begun to. */
export async function readTakeOverByPulumi(
  cluster: Cluster,
  there: FluxThere,
  { namespace, syncName, request }: { readonly namespace: string; readonly syncName: string; readonly request: TakeOverRequest },
): Promise<TakeOverByPulumi | undefined> {
  const leaving = await readLeaving(cluster, there, namespace)
  const { instance } = leaving
  if (instance === undefined && !request.hasBegun) return undefined
  const [source, root, crds] = await Promise.all([
    cluster.get({ ...fluxKinds.gitRepository, namespace, name: syncName }),
    cluster.get({ ...fluxKinds.kustomization, namespace, name: syncName }),
    listControllerCrds(cluster),
  ])
  const sync = [source, root].filter((one) => one !== undefined)
  const handover: Handover | undefined =
    instance === undefined
      ? undefined
      : {
          ...describeHanded(leaving, sync, crds.length),
          former: await rememberedOf(cluster, there, leaving, namespace),
          isLeaving: leavesWith(leaving),
        }
  const toDelete = [...leaving.releases, ...(instance === undefined ? [] : [instance])].map((one) => ({
    ref: refOf(one),
    uid: one.metadata.uid ?? '',
  }))
  const proof = verifyIdentities(namespace, taker)
  const elsewhere = there.instances.filter((one) => one.metadata.namespace !== namespace)
  return {
    before: [recordIdentities(namespace, taker, handover), ensureReleasesGone(leaving.releases), ensureInstanceReleased(namespace)],
    after: [ensureFieldsReleased(), ensureOperatorGone()],
    prove: [proof],
    findings: [
      ...judgeElsewhere(elsewhere, namespace),
      ...(await checkLeaving(cluster, leaving, syncName)),
      ...(await triedDeletions(cluster, [...toDelete, ...(handover?.former.owned ?? [])])),
    ],
    // Once the operator has let go, Flux has no other way than on.
    judge: (planned) => (instance === undefined ? [] : judgePlanned(leaving, planned, { namespace, syncName, source, root })),
    report: () => surviving(proof),
    nextOf: (planned) => (instance === undefined ? [] : nextOf(instance, planned)),
  }
}

function judgeElsewhere(instances: readonly KubeObject[], namespace: string): Finding[] {
  return instances.map((one) =>
    blocks(
      `${nameOf(refOf(one))} is in another namespace than ${namespace}, where the Pulumi component puts Flux`,
      'move Flux to that namespace first: npx zx scripts/rebuild.ts --help',
    ),
  )
}

function describeHanded({ controllers }: LeavingOperator, sync: readonly KubeObject[], crds: number): Pick<Handover, 'change' | 'details'> {
  const names = sync.map((one) => nameOf(refOf(one)))
  const passing = [`Deployments ${namesOf(controllers)}`, counted(crds, kinds.crd.kind), ...names].join(', ')
  return {
    change: `Flux was installed by flux-operator; ${taker} takes over ${passing}, which stay the same objects`,
    details: [...controllers, ...sync].map((one) => `${nameOf(refOf(one))}: to ${taker}`),
  }
}

const loginSchema = v.object({ spec: v.object({ sync: v.object({ pullSecret: v.string() }) }) })

/** The operator's login for Git is a person's own Secret, unless the stack has one of that name. */
export function nextOf(instance: KubeObject, planned: readonly KubeObject[]): string[] {
  const read = v.safeParse(loginSchema, instance)
  const { namespace = '' } = instance.metadata
  if (!read.success || read.output.spec.sync.pullSecret === '') return []
  const login = { ...kinds.secret, namespace, name: read.output.spec.sync.pullSecret }
  if (planned.some((one) => nameOf(refOf(one)) === nameOf(login))) return []
  return [`  ${kubectlCall('delete', login)}   # the FluxInstance's login for Git, unless something else uses it`]
}
