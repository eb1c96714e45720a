import type { Step } from '../../runner/step.ts'

/**
 * The order in which what several remedies do is done. What a step of one layer waits for, it brings about by itself, or a layer before it
 * does: no two disasters at once wait for each other. That the FluxInstance is Ready takes all of it.
 */
const layers = [
  'obstacles',
  'logins',
  'operator',
  'instance',
  'installAgain',
  'parts',
  'controllers',
  'fetch',
  'releases',
  'ready',
  'loop',
] as const

/** The steps of a remedy, by their layer. */
export type Remedy = { readonly [layer in (typeof layers)[number]]?: readonly Step[] }

/** The steps of all remedies in the order of their layers, each once. */
export function inLayers(remedies: readonly Remedy[]): Step[] {
  const steps = layers.flatMap((layer) => remedies.flatMap((remedy) => remedy[layer] ?? []))
  return [...new Map(steps.map((step) => [`${step.id} ${step.title}`, step])).values()]
}
