import { foreignManagersOf } from '../flux/field-owners.ts'
import { type Ref, refOf } from '../kubernetes/objects.ts'
import { managersOf, owners } from '../flux/field-managers.ts'
import type { FluxObject } from '../flux/object.ts'
import type { Installed } from '../flux/installation.ts'
import type { Scene } from './snapshot.ts'

/** An object of Flux that someone else owns fields of. */
export interface ForeignOwned {
  readonly ref: Ref
  readonly managers: readonly string[]
}

/** What is looked at for owners that are not Flux's. */
export interface ForeignScene extends Pick<Scene, 'crds' | 'instance' | 'objects'> {
  readonly installed: () => Promise<Pick<Installed, 'expectsOperator' | 'installedBy'>>
}

/** Flux's CRDs, its FluxInstance, and all of its objects that Git or the operator put there, with owners that are neither. */
export async function findForeign(scene: ForeignScene): Promise<ForeignOwned[]> {
  const [crds, instance, { all }, { expectsOperator, installedBy }] = await Promise.all([
    scene.crds(),
    scene.instance(),
    scene.objects(),
    scene.installed(),
  ])
  // Without an operator, CustomResourceDefinitions belong to the program that installed them.
  const whole = [...(expectsOperator ? crds : []), ...(instance === undefined ? [] : [instance])]
  const isInstallers = (manager: string): boolean => managersOf(installedBy).includes(manager)
  return [
    ...whole.filter(({ metadata }) => isFluxs(metadata)).map((object) => ({ ref: refOf(object), managers: foreignManagersOf(object) })),
    ...all
      .filter(isFluxs)
      .map(({ ref, managers }) => ({ ref, managers: foreignAmong(managers).filter((manager) => !isInstallers(manager)) })),
  ].filter(({ managers }) => managers.length > 0)
}

function foreignAmong(managers: FluxObject['managers']): string[] {
  return [...new Set(managers.flatMap(({ manager, isForeign }) => (isForeign ? [manager] : [])))]
}

/**
 * An object that a person applied by hand is that person's, as a FluxInstance that kubectl or Helm keeps: only what Flux applies is Flux's.
 */
function isFluxs({ labels }: Pick<FluxObject, 'labels'>): boolean {
  return owners.some(([label]) => labels[label] !== undefined)
}
