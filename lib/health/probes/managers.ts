import { nameOf } from '../../kubernetes/objects.ts'
import { findForeign } from '../foreign-managers.ts'
import { foundAmong, type Probe } from '../probe.ts'

/**
 * Nobody but Flux owns fields of what is Flux's. What kubectl, Helm or an older flux CLI once wrote stays owned by them, is never taken
 * back by Flux, and breaks dry runs when its API version goes (fluxcd/flux2#5558).
 */
export const managers: Probe = {
  id: 'managers',
  title: 'Field managers',
  async check(snapshot) {
    const found = await findForeign(snapshot)
    const troubles = found.map(({ ref, managers: names }) => ({
      object: nameOf(ref),
      reason: `fields of it belong to ${names.join(', ')}, not to Flux`,
      next: `npx zx scripts/health-check.ts ${snapshot.where} --fix`,
    }))
    return foundAmong(
      troubles.length === 0
        ? "only Flux's own"
        : `${troubles.length} ${troubles.length === 1 ? 'object' : 'objects'} with foreign field managers`,
      troubles,
    )
  },
}
