import { kinds, nameOf } from '../../kubernetes/objects.ts'
import { judgeDeployment } from '../deployments.ts'
import { type ProbeFindings, foundAmong, type Probe, type Trouble } from '../probe.ts'
import { problems } from '../problems.ts'
import type { Snapshot } from '../snapshot.ts'
import { componentsOf, otherImage } from '../../flux/instance.ts'
import type { InstalledFlux } from '../../flux/installation.ts'
import { wantedDeployments } from '../../flux/wanted-deployments.ts'
import { isOperator } from '../../flux/labels.ts'

/** Each controller that Flux is to be made of runs, those of shards too, with the image that the FluxInstance says, if there is one. */
export const controllers: Probe = {
  id: 'controllers',
  title: 'Controllers',
  async check(snapshot): Promise<ProbeFindings> {
    const [all, instance, installation] = await Promise.all([snapshot.deployments(), snapshot.instance(), snapshot.installed()])
    const wanted = wantedDeployments(installation, all)
    const components = componentsOf(instance)
    const { namespace } = installation
    const fails: Trouble[] = []
    const warns: Trouble[] = []
    for (const { name, component, deployment } of wanted) {
      if (deployment === undefined) {
        fails.push(missing(name, installation, snapshot, all.some(isOperator)))
        continue
      }
      const object = nameOf({ ...kinds.deployment, namespace, name })
      const { fail, warn } = await judgeDeployment(deployment, snapshot)
      const said = components.find((known) => known.name === component)
      const runs = instance === undefined || said === undefined ? undefined : otherImage(instance, deployment, said)
      if (said !== undefined && runs !== undefined) {
        const reason = `runs ${runs}; the FluxInstance says ${said.repository}:${said.tag}${fail === undefined ? '' : `; ${fail.reason}`}`
        fails.push({ object, reason, next: describeInstance(installation, snapshot), problem: problems.oldVersion })
      } else if (fail !== undefined) fails.push(fail)
      if (warn !== undefined) warns.push(warn)
    }
    const available = wanted.length - fails.length
    return foundAmong(fails.length === 0 ? `${available} available` : `${available} of ${wanted.length} available`, fails, warns)
  },
}

function missing(name: string, installation: InstalledFlux, snapshot: Snapshot, hasOperator: boolean): Trouble {
  const { namespace, expectsOperator } = installation
  const object = nameOf({ ...kinds.deployment, namespace, name })
  if (expectsOperator) {
    return hasOperator
      ? { object, reason: 'does not exist: the operator recreates it, if it runs', next: describeInstance(installation, snapshot) }
      : {
          object,
          reason: 'does not exist, and neither does the operator, which would recreate it',
          next: `npx zx scripts/recover.ts ${snapshot.where}`,
        }
  }
  return {
    object,
    reason: 'does not exist, and no operator recreates it',
    next: `${snapshot.kubectl} --namespace ${namespace} get deployments`,
  }
}

function describeInstance({ namespace }: InstalledFlux, { kubectl }: Snapshot): string {
  return `${kubectl} --namespace ${namespace} describe fluxinstance flux`
}
