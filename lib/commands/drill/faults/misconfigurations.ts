import * as v from 'valibot'
import { kinds } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { requestReconcile } from '../../../flux/reconcile-request.ts'
import { type Field, minute, removeAll, type Scenario } from '../scenario.ts'
import { reconcileAnnotation } from '../../../flux/annotations.ts'
import { instanceIn } from '../../../flux/refs.ts'

/** Disasters in which someone has changed what should not be changed. */
export const misconfigurations: readonly Scenario[] = [
  {
    name: 'instance-suspended',
    isOperators: true,
    title: 'The FluxInstance suspended',
    injects: `annotates the FluxInstance with ${reconcileAnnotation}: disabled`,
    objectiveMs: 5 * minute,
    isSuspension: true,
    inject: ({ cluster, namespace }) =>
      patchInstance({ cluster, namespace }, { metadata: { annotations: { [reconcileAnnotation]: 'disabled' } } }),
  },
  {
    name: 'instance-stalled',
    isOperators: true,
    needsFolder: true,
    needsSettings: true,
    title: 'The FluxInstance stalled',
    injects: 'sets a version of Flux in the FluxInstance that does not exist',
    objectiveMs: 5 * minute,
    inject: ({ cluster, namespace }) => patchInstance({ cluster, namespace }, { spec: { distribution: { version: '9.9.9' } } }),
  },
  {
    name: 'controllers-outdated',
    isOperators: true,
    needsFolder: true,
    needsSettings: true,
    title: 'A controller at the old version',
    injects: 'suspends the FluxInstance and gives source-controller the image of another version, as an interrupted upgrade would',
    objectiveMs: 5 * minute,
    isSuspension: true,
    async inject(field) {
      await patchInstance(field, { metadata: { annotations: { [reconcileAnnotation]: 'disabled' } } })
      const ref = { ...kinds.deployment, namespace: field.namespace, name: 'source-controller' }
      const { spec } = v.parse(deploymentSchema, await field.cluster.get(ref))
      const containers = spec.template.spec.containers.map((container) => ({
        ...container,
        image: container.image.replace(/:[^:]*$/, ':v0.0.1'),
      }))
      await field.cluster.patch(ref, { spec: { template: { spec: { containers } } } })
    },
  },
  {
    name: 'git-credentials-wrong',
    needsFolder: true,
    title: "Flux's login for Git wrong",
    injects: 'puts a wrong password, or key, into the Secret with the login for Git',
    objectiveMs: 5 * minute,
    async inject({ cluster, namespace, gitSecret, progress }) {
      if (gitSecret === undefined) return progress('Flux needs no login for Git here')
      const wrong = Buffer.from('not the right one').toString('base64')
      await cluster.patch({ ...kinds.secret, namespace, name: gitSecret }, { data: { password: wrong, identity: wrong } })
      await askSource({ cluster, namespace })
    },
  },
  {
    name: 'git-credentials-gone',
    needsFolder: true,
    title: "Flux's login for Git gone",
    injects: 'deletes the Secret with the login for Git',
    objectiveMs: 5 * minute,
    async inject({ cluster, namespace, gitSecret, progress }) {
      if (gitSecret === undefined) return progress('Flux needs no login for Git here')
      const secret = await cluster.get({ ...kinds.secret, namespace, name: gitSecret })
      await removeAll(cluster, secret === undefined ? [] : [secret])
      await askSource({ cluster, namespace })
    },
  },
]

const deploymentSchema = v.object({
  spec: v.object({ template: v.object({ spec: v.object({ containers: v.array(v.looseObject({ image: v.string() })) }) }) }),
})

async function patchInstance({ cluster, namespace }: Pick<Field, 'cluster' | 'namespace'>, patch: unknown): Promise<void> {
  await cluster.patch(instanceIn(namespace), patch)
}

/** Makes Flux fetch Git now, which it would do within its interval anyway. */
async function askSource({ cluster, namespace }: Pick<Field, 'cluster' | 'namespace'>): Promise<void> {
  await requestReconcile(cluster, { ...fluxKinds.gitRepository, namespace, name: namespace })
}
