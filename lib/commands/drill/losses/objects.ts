import { nearest } from '../../../base/nearest.ts'
import { OperatorError } from '../../../base/errors.ts'
import { identityOf } from '../../../flux/inventory.ts'
import { instanceIn } from '../../../flux/refs.ts'
import { partsOf } from '../../../health/parts.ts'
import type { Snapshot } from '../../../health/snapshot.ts'
import { kinds, type KubeObject, nameOf, type Ref, refOf } from '../../../kubernetes/objects.ts'
import { type Damage, damagesOf } from './damages.ts'

/** One damage to one object. */
export interface Loss {
  readonly ref: Ref
  /** `ServiceAccount flux-system/helm-controller` */
  readonly object: string
  readonly damage: Damage
}

/**
 * Every object that this Flux consists of, as the cluster tells: what was installed, the namespace, the FluxInstance, source and root, the
 * Secrets that are named, and those in which Helm keeps its releases; each with all that may befall it.
 */
export async function lossesOf(snapshot: Snapshot, only: string | undefined): Promise<Loss[]> {
  const { cluster } = snapshot
  const [namespace, parts, { all }, { follows }] = await Promise.all([
    snapshot.namespace(),
    partsOf(snapshot),
    snapshot.objects(),
    snapshot.installation(),
  ])
  const storage = await cluster.list(kinds.secret, { namespace, labels: 'owner=helm,status=deployed' })
  const refs: Ref[] = [
    { ...kinds.namespace, name: namespace },
    instanceIn(namespace),
    ...(follows === undefined ? [] : [follows.source, follows.root]),
    ...parts.map(({ ref }) => ref),
    ...all.flatMap(({ ref, secrets }) => (ref.namespace === namespace ? secrets.map((secret) => secret.ref) : [])),
    ...storage.map(refOf),
  ]
  const live = await Promise.all([...new Map(refs.map((ref) => [identityOf(ref), ref])).values()].map((ref) => cluster.get(ref)))
  const there = new Map(live.flatMap((object) => (object === undefined ? [] : [[object.metadata.uid ?? '', object]])))
  const chosen = chooseKinds([...there.values()], only)
  return chosen
    .flatMap((object) => {
      const ref = refOf(object)
      return damagesOf(object).map((damage) => ({ ref, object: nameOf(ref), damage }))
    })
    .sort((one, other) => one.object.localeCompare(other.object))
}

/** @throws OperatorError `usage` for a kind that this Flux has no object of, naming the nearest */
function chooseKinds(objects: readonly KubeObject[], only: string | undefined): readonly KubeObject[] {
  if (only === undefined) return objects
  const known = [...new Set(objects.map(({ kind }) => kind))].sort()
  const wanted = only.split(',')
  for (const kind of wanted) {
    if (known.includes(kind)) continue
    const close = nearest(kind, known)
    throw new OperatorError(
      `--only ${only}: Flux has no object of the kind "${kind}" here; ${close === undefined ? `there are ${known.join(', ')}` : `did you mean ${close}?`}`,
      { kind: 'usage', remedy: `--only ${close ?? known[0] ?? 'ServiceAccount'}` },
    )
  }
  return objects.filter(({ kind }) => wanted.includes(kind))
}

/** The losses of one round: one alone, or two at once. */
export type Round = readonly Loss[]

export interface Draw {
  /** How many pairs are drawn; every loss alone where undefined. */
  readonly pairs: number | undefined
  /** How many losses are drawn, of all. */
  readonly sample: number | undefined
  readonly seed: number
}

/** The rounds of a drill: every loss in order, or so many that are drawn; the same for the same seed and the same objects. */
export function roundsOf(losses: readonly Loss[], { pairs, sample, seed }: Draw): Round[] {
  if (pairs === undefined && sample === undefined) return losses.map((loss) => [loss])
  const random = generator(seed)
  const draw = (): Loss | undefined => losses[Math.floor(random() * losses.length)]
  const rounds: Round[] = []
  const drawn = new Set<string>()
  for (let tries = 0; rounds.length < (pairs ?? sample ?? 0) && tries < 10_000; tries++) {
    const round = [draw(), ...(pairs === undefined ? [] : [draw()])].filter((loss) => loss !== undefined)
    const key = keyOf(round)
    if (new Set(round.map(({ object }) => object)).size < (pairs === undefined ? 1 : 2) || drawn.has(key)) continue
    drawn.add(key)
    rounds.push(round)
  }
  return rounds
}

/** What tells one round from all others. */
export function keyOf(round: readonly { readonly object: string; readonly damage: Pick<Damage, 'name'> }[]): string {
  return round.map(({ object, damage }) => `${object}: ${damage.name}`).join(' + ')
}

/** mulberry32: small, and the same everywhere. */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
