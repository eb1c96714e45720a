import { foreignManagersOf } from '../flux/field-owners.ts'
import { type Ref, refOf } from '../kubernetes/objects.ts'
import { managersOf, owners } from '../flux/field-managers.ts'
import type { FluxObject } from '../flux/object.ts'
import type { InstalledFlux } from '../flux/installation.ts'
import type { Snapshot } from './snapshot.ts'

/** An object of Flux that someone else owns fields of. */
export interface ForeignOwned {
  readonly ref: Ref
  readonly managers: readonly string[]
}

/** What is checked for owners that are not Flux's. */
export interface ForeignSnapshot extends Pick<Snapshot, 'crds' | 'instance' | 'objects'> {
  readonly installed: () => Promise<Pick<InstalledFlux, 'expectsOperator' | 'installedBy'>>
}

/** Flux's CRDs, its FluxInstance, and all of its objects that Git or the operator put there, with owners that are neither. */
export async function findForeign(snapshot: ForeignSnapshot): Promise<ForeignOwned[]> {
  const [crds, instance, { all }, { expectsOperator, installedBy }] = await Promise.all([
    snapshot.crds(),
    snapshot.instance(),
    snapshot.objects(),
    snapshot.installed(),
  ])
  // Without an operator, CustomResourceDefinitions belong to the program that installed them.
  const whole = [...(expectsOperator ? crds : []), ...(instance === undefined ? [] : [instance])]
  const isInstallers = (manager: string): boolean => managersOf(installedBy).includes(manager)
  return [
    ...whole.filter(({ metadata }) => isFluxs(metadata)).map((object) => ({ ref: refOf(object), managers: foreignManagersOf(object) })),
    ...all
      .filter(isFluxs)
      .map(({ ref, foreignManagers }) => ({ ref, managers: foreignManagers.filter((manager) => !isInstallers(manager)) })),
  ].filter(({ managers }) => managers.length > 0)
}

/**
 * An object that a person applied by hand is that person's, as a FluxInstance that kubectl or Helm keeps: only what Flux applies is Flux's.
 */
function isFluxs({ labels }: Pick<FluxObject, 'labels'>): boolean {
  return owners.some(([label]) => labels[label] !== undefined)
}
