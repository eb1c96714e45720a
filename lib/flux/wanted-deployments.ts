import type { KubeObject } from '../kubernetes/objects.ts'
import { type Installation, shardDeployments } from './installation.ts'
import { componentsIn, shardsIn } from './installer.ts'

/** A Deployment of Flux that is to be there. */
export interface WantedDeployment {
  readonly name: string
  /** The controller that it runs; in flux-aio the first of them. */
  readonly component: string
  readonly deployment: KubeObject | undefined
}

/**
 * The Deployments that are to be there: one for each controller, or for all of them, and those of the shards.
 * @param all those in Flux's namespace
 */
export function wantedDeployments(
  installation: Pick<Installation, 'components' | 'shards' | 'namespace' | 'version' | 'expectsOperator'>,
  all: readonly KubeObject[],
): readonly WantedDeployment[] {
  const { components, expectsOperator } = installation
  const main = components.map((component): WantedDeployment => {
    const runs = (deployment: KubeObject): boolean => shardsIn(deployment).length === 0 && componentsIn(deployment).includes(component)
    const deployment = all.find(({ metadata }) => metadata.name === component) ?? all.find(runs)
    return { name: deployment?.metadata.name ?? component, component, deployment }
  })
  // Only an operator says which shards there are to be; who else makes some may make them of any controllers.
  const asked = expectsOperator ? shardDeployments(installation).map(({ name }) => name) : []
  const there = all.filter((deployment) => shardsIn(deployment).length > 0 && componentsIn(deployment).length > 0)
  const ofShards = [...new Set([...asked, ...there.map(({ metadata }) => metadata.name)])].map((name): WantedDeployment => {
    const deployment = all.find(({ metadata }) => metadata.name === name)
    const [runs] = deployment === undefined ? [] : componentsIn(deployment)
    return { name, component: runs ?? components.find((one) => name.startsWith(`${one}-`)) ?? name, deployment }
  })
  const byName = new Map<string, WantedDeployment>()
  for (const one of [...main, ...ofShards]) if (!byName.has(one.name)) byName.set(one.name, one)
  return [...byName.values()]
}
