import * as v from 'valibot'
import { kindArgument, kinds, type KubeObject, nameOf } from '../../kubernetes/objects.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { judgeDeployment } from '../deployments.ts'
import { doesNotApply, foundAmong, type Probe } from '../probe.ts'
import { appliers } from '../../flux/field-managers.ts'
import { isOperator, operatorName } from '../../flux/labels.ts'
import { releaseNames } from '../../flux/refs.ts'
import { installerTitles } from '../../flux/installer.ts'
import { imageIn, programOf } from '../../flux/components.ts'
import { decodeRelease, releaseOf } from '../../flux/helm-release.ts'
import type { Snapshot } from '../snapshot.ts'

const chartSchema = v.object({
  status: v.optional(v.object({ history: v.optional(v.array(v.object({ appVersion: v.optional(v.string(), '') })), []) }), {}),
})

/** The operator runs, at the version that its Helm release brought. */
export const operator: Probe = {
  id: 'operator',
  title: 'flux-operator',
  async check(snapshot) {
    const { kubectl, where } = snapshot
    const namespace = await snapshot.namespace()
    const [deployments, release] = await Promise.all([
      snapshot.deployments(),
      snapshot.get({ ...fluxKinds.helmRelease, namespace, name: releaseNames.operator }),
    ])
    const deployment = deployments.find(isOperator)
    const object = nameOf({ ...kinds.deployment, namespace, name: operatorName })
    const { expectsOperator, installedBy } = await snapshot.installed()
    if (deployment === undefined && !expectsOperator) return doesNotApply(`Flux was installed by ${installerTitles[installedBy]}`)
    if (deployment === undefined) {
      const isRecreated = release !== undefined && deployments.some(({ metadata }) => metadata.name === appliers.helm)
      const reason = isRecreated
        ? 'does not exist: helm-controller recreates it within a minute, if it runs'
        : release === undefined
          ? 'does not exist, and no HelmRelease recreates it'
          : 'does not exist, and neither does helm-controller, which would recreate it'
      const next = isRecreated
        ? `${kubectl} --namespace ${namespace} describe ${kindArgument(fluxKinds.helmRelease)} flux-operator`
        : `npx zx scripts/recover.ts ${where}`
      return foundAmong('does not run', [{ object, reason, next }])
    }
    const { fail, warn } = await judgeDeployment(deployment, snapshot)
    if (fail !== undefined) return foundAmong('is not available', [fail])
    const image = imageIn(deployment)
    const tag = image.split(':').at(-1) ?? ''
    const wanted = release === undefined ? undefined : v.parse(chartSchema, release).status.history[0]?.appVersion
    const next = `${kubectl} --namespace ${namespace} describe ${kindArgument(fluxKinds.helmRelease)} flux-operator`
    const isIt = wanted === undefined || wanted === tag || (await isReleased(deployment, snapshot))
    const other = isIt ? [] : [{ object, reason: `runs ${image}; its Helm release has ${wanted}`, next }]
    return foundAmong(other.length === 0 ? `${tag}, available` : `runs ${tag}, not ${wanted}`, other, warn === undefined ? [] : [warn])
  },
}

/** Whether Helm released the operator with the image that it runs: values may name a variant of the chart's (`v0.59.0-ubi`), or one by digest. */
async function isReleased(deployment: KubeObject, { cluster }: Snapshot): Promise<boolean> {
  const release = releaseOf(deployment)
  if (release === undefined) return false
  const { namespace, name } = release
  const secrets = await cluster.list(kinds.secret, { namespace, labels: `owner=helm,name=${name},status=deployed` })
  const program = programOf(imageIn(deployment))
  return secrets.map(decodeRelease).some((stored) => stored.is === 'read' && stored.manifest.includes(program))
}
