import { printable } from '../../../base/shell-line.ts'
import type { Ref } from '../../../kubernetes/objects.ts'

/** How a person suspends or resumes an object: `flux --namespace flux-system suspend helmrelease flux-instance`. */
export function fluxCommand(does: 'suspend' | 'resume', ref: Ref): string {
  return printable(['flux', '--namespace', ref.namespace ?? '', does, ...argumentOf(ref), ref.name])
}

/** What the flux CLI calls the kind. */
function argumentOf({ kind }: Ref): string[] {
  const sources: Readonly<Record<string, string>> = { GitRepository: 'git', OCIRepository: 'oci' }
  const source = sources[kind]
  return source === undefined ? [kind.toLowerCase()] : ['source', source]
}
