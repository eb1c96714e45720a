import * as v from 'valibot'
import type { KubeObject } from '../kubernetes/objects.ts'
import { controllerNames } from './components.ts'
import { releaseOf } from './helm-release.ts'
import { appLabels, isMadeByOperator } from './labels.ts'

/** What puts a Flux there, and keeps it: a FluxInstance, a program of a person's, or a chart. */
export const installers = ['operator', 'cli', 'helm', 'terraform', 'aio', 'pulumi'] as const
export type Installer = (typeof installers)[number]

/** Who installed Flux, as people call it. */
export const installerTitles: Readonly<Record<Installer | 'several' | 'none', string>> = {
  operator: 'flux-operator',
  cli: 'the flux CLI',
  helm: 'a Helm chart',
  terraform: 'Terraform',
  aio: 'flux-aio, all controllers in one Deployment',
  pulumi: 'Pulumi',
  several: 'several installers',
  none: 'nothing',
}

/** Whether Pulumi writes as this field manager: its provider has a name of its own for each object, `pulumi-kubernetes-1a2b3c4d`. */
export function isPulumis(manager: string): boolean {
  return /pulumi/i.test(manager)
}

/** Whether Pulumi owns fields of an object. */
export function hasPulumi({ metadata }: KubeObject): boolean {
  return metadata.managedFields.some(({ manager }) => isPulumis(manager))
}

/** The field managers that programs write as which are called after themselves: Helm inside of Terraform is one of its plugins. */
const programs: readonly (readonly [RegExp, Installer])[] = [
  [/terraform|hashicorp|opentofu/i, 'terraform'],
  [/pulumi/i, 'pulumi'],
  [/^timoni/i, 'aio'],
]

/**
 * Who installed a Deployment or CustomResourceDefinition of Flux's. Terraform's own provider for Flux applies as the flux CLI does, with
 * the same manifests and the same field manager, and can't be distinguished from it.
 */
export function installerOf(object: KubeObject): Installer {
  if (isMadeByOperator(object)) return 'operator'
  const managers = object.metadata.managedFields.map(({ manager }) => manager)
  const program = programs.find(([name]) => managers.some((manager) => name.test(manager)))
  if (program !== undefined) return program[1]
  if (object.kind === 'Deployment' && componentsIn(object).length > 1) return 'aio'
  return releaseOf(object) === undefined ? 'cli' : 'helm'
}

const deploymentSchema = v.object({
  spec: v.object({
    template: v.object({
      spec: v.object({ containers: v.array(v.object({ name: v.string(), args: v.optional(v.array(v.string()), []) })) }),
    }),
  }),
})

/** The containers of a Deployment; none where only its metadata was read. */
function containersIn(deployment: KubeObject): readonly { readonly name: string; readonly args: readonly string[] }[] {
  const read = v.safeParse(deploymentSchema, deployment)
  return read.success ? read.output.spec.template.spec.containers : []
}

/** The arguments of a Deployment's containers, all of them. */
export function argumentsIn(deployment: KubeObject): readonly string[] {
  return containersIn(deployment).flatMap(({ args }) => args)
}

/** The controllers that a Deployment runs: one, or in flux-aio all, each in a container of its name; none where it is not Flux's. */
export function componentsIn(deployment: KubeObject): readonly string[] {
  const { name, labels } = deployment.metadata
  const containers = containersIn(deployment).map((container) => container.name)
  const named = controllerNames.filter((controller) => containers.includes(controller))
  if (named.length > 0) return named
  const own = [labels[appLabels.component] ?? '', name]
  return controllerNames
    .filter((controller) => own.includes(controller) || shardsIn(deployment).some((shard) => name === `${controller}-${shard}`))
    .slice(0, 1)
}

/** `--watch-label-selector=sharding.fluxcd.io/key=shard1`, or `… in (a, b)`: what the main controllers watch is said with `!` or `notin`. */
const shardArgument = /^--watch-label-selector=[^!=\s]+(?:==?\s*([\w.-]+)|\s+in\s+\(([^)]*)\))$/

/** The shards that a Deployment of Flux's is for; none for the main controllers. */
export function shardsIn(deployment: KubeObject): readonly string[] {
  return argumentsIn(deployment).flatMap((argument) => {
    const [, one, several = ''] = shardArgument.exec(argument) ?? []
    return one === undefined
      ? several
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== '')
      : [one]
  })
}

/** Whether a Deployment of Flux's leaves some objects to others, by their label. */
export function selectsByLabel(deployment: KubeObject): boolean {
  return argumentsIn(deployment).some((argument) => argument.startsWith('--watch-label-selector='))
}
