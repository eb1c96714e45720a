import { OperatorError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { Probe } from './probe.ts'
import { alerts } from './probes/alerts.ts'
import { api } from './probes/api.ts'
import { certificates } from './probes/certificates.ts'
import { controllers } from './probes/controllers.ts'
import { crds } from './probes/crds.ts'
import { instance } from './probes/instance.ts'
import { inventory } from './probes/inventory.ts'
import { loop } from './probes/loop.ts'
import { managers } from './probes/managers.ts'
import { namespace } from './probes/namespace.ts'
import { networkPolicies } from './probes/network-policies.ts'
import { operator } from './probes/operator.ts'
import { helmReleases, kustomizations, others, sources } from './probes/reconciled.ts'
import { revision } from './probes/revision.ts'
import { secrets } from './probes/secrets.ts'
import { webhooks } from './probes/webhooks.ts'

/** Every probe, in the order in which one depends on the other. */
export const allProbes: readonly Probe[] = [
  api,
  operator,
  instance,
  namespace,
  webhooks,
  controllers,
  crds,
  inventory,
  sources,
  revision,
  kustomizations,
  helmReleases,
  others,
  loop,
  managers,
  secrets,
  certificates,
  networkPolicies,
  alerts,
]

/**
 * The probes that `--only` names, in their own order; all of them where it is not given.
 * @throws OperatorError `usage` for one that there is not, naming the nearest
 */
export function probesNamed(only: string | undefined): readonly Probe[] {
  if (only === undefined) return allProbes
  const names = only.split(',')
  const known = allProbes.map(({ id }) => id)
  for (const name of names) {
    if (known.includes(name)) continue
    const close = nearest(name, known)
    throw new OperatorError(
      `there is no probe "${name}"; ${close === undefined ? `there are ${known.join(', ')}` : `did you mean ${close}?`}`,
      {
        kind: 'usage',
        remedy: `--only ${close ?? known[0]}`,
      },
    )
  }
  return allProbes.filter(({ id }) => names.includes(id))
}
