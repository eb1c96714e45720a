import type { Deployer } from './installer.ts'
import { fluxInstaller } from './flux.ts'
import { operatorInstaller } from './operator.ts'
import { pulumiInstaller } from './pulumi.ts'

/** Every way to install Flux, by the name that `--via` gives it. */
const deployers = { operator: operatorInstaller, flux: fluxInstaller, pulumi: pulumiInstaller } satisfies Record<string, Deployer>

export const ways = Object.keys(deployers)

/** The `--via` flag of the scripts that install Flux. */
export const viaFlag = {
  type: 'string',
  value: 'WAY',
  help: 'how to install Flux. operator: flux-operator (default); flux: `flux install`; pulumi: `pulumi up` on your stack',
  choices: ways,
} as const

/** The deployer that `--via` names; the operator where it is left out. */
export function deployerOf(via: string | undefined): Deployer {
  return Object.entries(deployers).find(([name]) => name === via)?.[1] ?? operatorInstaller
}
