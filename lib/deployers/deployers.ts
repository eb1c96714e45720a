import type { Deployer } from './deployer.ts'
import { flux } from './flux.ts'
import { operator } from './operator.ts'
import { pulumi } from './pulumi.ts'

/** Every way to install Flux, by the name that `--via` gives it. */
const deployers = { operator, flux, pulumi } satisfies Record<string, Deployer>

export const ways = Object.keys(deployers)

/** The `--via` flag of the scripts that install Flux. */
export const viaFlag = {
  type: 'string',
  value: 'WAY',
  help: 'operator: it installs Flux (the default); flux: `flux install` first; pulumi: `pulumi up` on a stack of yours',
  choices: ways,
} as const

/** The deployer that `--via` names; the operator where it is left out. */
export function deployerOf(via: string | undefined): Deployer {
  return Object.entries(deployers).find(([name]) => name === via)?.[1] ?? operator
}
