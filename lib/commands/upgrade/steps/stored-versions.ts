import * as v from 'valibot'
import { OperatorError } from '../../../base/errors.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds } from '../../../kubernetes/objects.ts'
import { type FluxPlace, refsIn } from '../../../flux/refs.ts'
import { fluxCommand } from './flux-command.ts'
import type { RollbackTarget } from './roll-back.ts'

const crdSchema = v.object({ status: v.optional(v.object({ storedVersions: v.optional(v.array(v.string()), []) }), {}) })

/** How to stay on the version that Git says. */
export function stayAsGitSays(place: FluxPlace): string {
  return `stay on the newer Flux, as Git says, and fix it there: ${fluxCommand('resume', refsIn(place).applier)}`
}

/** It cannot be undone; its remedy is how to stay. */
export class RollbackRefused extends OperatorError {}

/**
 * Throws where objects are stored in a version that the old CRDs lack: rolling back would lose them.
 * @param stay how to stay on the newer version instead
 */
export async function verifyStored(
  cluster: Cluster,
  { served, version }: Pick<RollbackTarget, 'served' | 'version'>,
  stay: string,
): Promise<void> {
  for (const [name, versions] of Object.entries(served)) {
    const crd = await cluster.get({ ...kinds.crd, name })
    const stored = crd === undefined ? [] : v.parse(crdSchema, crd).status.storedVersions
    const lost = stored.filter((one) => !versions.includes(one))
    if (lost.length === 0) continue
    throw new RollbackRefused(
      `Flux cannot be rolled back to ${version}: objects of ${name} are stored as ${lost.join(', ')}, which that version does not have. Nothing more was changed`,
      {
        remedy: [
          stay,
          `or check whether any is still stored in it: kubectl get crd ${name} -o jsonpath='{.status.storedVersions}{"\\n"}'`,
          'and once none is, to continue from here: --resume',
        ].join('\n'),
      },
    )
  }
}
