import type { BootstrapInstaller } from './installer.ts'
import { fluxInstaller } from './flux.ts'
import { operatorInstaller } from './operator.ts'
import { pulumiInstaller } from './pulumi.ts'

/** Every way to install Flux, by the name that `--via` gives it. */
const installers = { operator: operatorInstaller, flux: fluxInstaller, pulumi: pulumiInstaller } satisfies Record<
  string,
  BootstrapInstaller
>

export const ways = Object.keys(installers)

/** The `--via` flag of the scripts that install Flux. */
export const viaFlag = {
  type: 'string',
  value: 'WAY',
  help: 'how to install Flux. operator: flux-operator (default); flux: `flux install`; pulumi: `pulumi up` on your stack',
  choices: ways,
} as const

/** The installer that `--via` names; the operator where it is left out. */
export function installerFor(via: string | undefined): BootstrapInstaller {
  return Object.entries(installers).find(([name]) => name === via)?.[1] ?? operatorInstaller
}
