import * as v from 'valibot'
import { kinds, nameOf } from '../../cluster/objects.ts'
import { imageOf, judgeDeployment } from '../deployments.ts'
import { type Found, foundAmong, type Probe, type Trouble } from '../probe.ts'
import { problems } from '../problems.ts'
import { usualComponents } from '../../cluster/flux-instance.ts'

const instanceSchema = v.object({
  spec: v.object({ components: v.optional(v.array(v.string()), []) }),
  status: v.optional(
    v.object({
      components: v.optional(v.array(v.object({ name: v.string(), repository: v.string(), tag: v.string() })), []),
      lastAppliedRevision: v.optional(v.string(), ''),
    }),
    {},
  ),
})

/** Each controller that the FluxInstance asks for runs, with the image that it says. */
export const controllers: Probe = {
  id: 'controllers',
  title: 'Controllers',
  async look(scene): Promise<Found> {
    const [deployments, instance, namespace] = await Promise.all([scene.deployments(), scene.instance(), scene.namespace()])
    const { spec, status } = v.parse(instanceSchema, instance ?? { spec: {} })
    const wanted = spec.components.length === 0 ? usualComponents : spec.components
    const fails: Trouble[] = []
    const warns: Trouble[] = []
    for (const name of wanted) {
      const deployment = deployments.find(({ metadata }) => metadata.name === name)
      const object = nameOf({ ...kinds.deployment, namespace, name })
      const next = `${scene.kubectl} --namespace ${namespace} describe fluxinstance flux`
      if (deployment === undefined) {
        fails.push({ object, reason: 'does not exist: the operator puts it back, if it runs', next })
        continue
      }
      const { fail, warn } = await judgeDeployment(deployment, scene)
      const component = status.components.find((known) => known.name === name)
      const image = component === undefined ? undefined : `${component.repository}:${component.tag}`
      const runs = imageOf(deployment)
      if (image !== undefined && runs !== image) {
        const reason = `runs ${runs}; the FluxInstance says ${image}${fail === undefined ? '' : `; ${fail.reason}`}`
        fails.push({ object, reason, next, problem: problems.oldVersion })
      } else if (fail !== undefined) fails.push(fail)
      if (warn !== undefined) warns.push(warn)
    }
    const well = wanted.length - fails.length
    return foundAmong(fails.length === 0 ? `${well} available` : `${well} of ${wanted.length} available`, fails, warns)
  },
}
