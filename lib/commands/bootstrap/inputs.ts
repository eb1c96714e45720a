import type { KubeObject, Ref } from '../../kubernetes/objects.ts'
import type { ClusterInGit } from '../../connection/target.ts'
import type { Remote } from '../../tools/git.ts'
import type { Redactor } from '../../base/redactor.ts'
import type { Settings } from '../../connection/settings.ts'
import type { WantedSecret } from './secrets.ts'
import type { Tree } from '../../desired-state/tree.ts'
import type { TakeOverRequest } from './take-over/request.ts'
import type { TakeOver } from './take-over/take-over.ts'

/** All that bootstrap puts into a cluster, known before anything is changed. */
export interface BootstrapInputs {
  readonly tree: Tree
  readonly operatorObjects: readonly KubeObject[]
  readonly instanceObjects: readonly KubeObject[]
  readonly secrets: readonly WantedSecret[]
  /** What was found that does not block the run, but should be known before anyone consents. */
  readonly notices: readonly string[]
  /** Where a Flux that another program installed passes to the operator. */
  readonly takeOver?: TakeOver
}

/** Where Git says what is to be installed, as a request has it. */
export function treeLocationOf({ folder, path, remote }: ClusterInGit): Pick<BootstrapRequest, 'cluster' | 'path' | 'remote'> {
  return { cluster: folder, remote, ...(path === undefined ? {} : { path }) }
}

export interface BootstrapRequest {
  /** The flags that name the cluster, for commands that people are asked to type. */
  readonly where: string
  /** The folder below kubernetes/clusters. */
  readonly cluster: string
  /** In a repository of any layout, the path of it that the cluster follows; the folder above is then none. */
  readonly path?: string
  readonly remote: Remote
  readonly isLab: boolean
  readonly settings: Settings
  /** What the lab puts into each settings.yaml it pushes; used where Git can't be read. */
  readonly overrides: Readonly<Record<string, string>>
  readonly redactor: Redactor
  /** Where Flux is taken down first: what is there now goes, and what a capture carries comes back before Flux does. */
  readonly rebuild?: { readonly comesBack: (ref: Ref) => boolean }
  /** Whether a Flux that another program installed may be taken over; `expected` where this very command installs it so. */
  readonly takeOver?: TakeOverRequest | 'expected'
}
