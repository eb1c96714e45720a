import * as v from 'valibot'
import { instanceStateOf } from '../../../flux/instance.ts'
import { isSuspended } from '../../../flux/suspension.ts'
import { kinds, nameOf, type Ref } from '../../../kubernetes/objects.ts'
import { waitUntil } from '../../../kubernetes/wait-until.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { OperatorError } from '../../../base/errors.ts'
import { nearestVersions } from '../../../base/version.ts'
import { manifestOf } from '../../../kubernetes/manifest.ts'
import { withVersions } from '../../../desired-state/version-settings.ts'
import { type Field, minute, type Scenario } from '../scenario.ts'
import { instanceIn } from '../../../flux/refs.ts'

const loop = 'drill-loop'
const sides = ['one', 'two']
const stuck = 'drill-stuck'

/** Disasters that come with a commit. Nobody but the lab may commit them to what a cluster follows. */
export const gitMisconfigurations: readonly Scenario[] = [
  {
    name: 'upgrade-broken',
    needsSettings: true,
    title: 'An upgrade broken halfway',
    injects: 'sets another version of Flux in Git, whose source-controller cannot be pulled',
    objectiveMs: 5 * minute,
    isLabOnly: true,
    inject: breakUpgrade,
    cleanUp: async ({ lab }) => lab?.clearFaults(),
  },
  {
    name: 'release-stuck',
    title: 'A Helm release stuck',
    injects: 'creates a HelmRelease for a namespace that does not exist, until helm-controller gives up',
    objectiveMs: 5 * minute,
    isLabOnly: true,
    async inject(field) {
      await commit(field, { [`${stuck}/Chart.yaml`]: chart, [`${stuck}/templates/configmap.yaml`]: configMap(stuck, 'stuck') })
      const source = { kind: fluxKinds.gitRepository.kind, name: field.namespace }
      const spec = { interval: '10m', targetNamespace: stuck, chart: { spec: { chart: `./${stuck}`, sourceRef: source } } }
      await field.cluster.apply(manifestOf(release(field), { spec }))
    },
    // The cause is fixed, and nobody tries again: that is left to recover.ts.
    undo: async ({ cluster }) => void (await cluster.apply(manifestOf({ ...kinds.namespace, name: stuck }, {}))),
    cleanUp: (field) => removeUntilGone(field, release(field), { ...kinds.namespace, name: stuck }),
  },
  {
    name: 'loop',
    title: 'A recursive reconciliation loop',
    injects: 'has two Kustomizations revert each other in one ConfigMap every two seconds, until someone fixes it in Git',
    objectiveMs: 5 * minute,
    isLabOnly: true,
    async inject(field) {
      await commit(field, Object.fromEntries(sides.map((side) => [fileOf(side), configMap(loop, side)])))
      const sourceRef = { kind: fluxKinds.gitRepository.kind, name: field.namespace }
      for (const side of sides) {
        const spec = { interval: '2s', timeout: '20s', prune: true, path: `./${loop}/${side}`, targetNamespace: field.namespace, sourceRef }
        await field.cluster.apply(manifestOf(pulling(field, side), { spec }))
      }
    },
    undoOnce: {
      watches: [{ kind: fluxKinds.kustomization, query: {} }],
      isSo: async (field) => {
        const found = await Promise.all(sides.map((side) => field.cluster.get(pulling(field, side))))
        return found.some((live) => live !== undefined && isSuspended(live))
      },
    },
    undo: async ({ lab }) => {
      await lab?.inGit((clone) => clone.commit(fileOf('two'), configMap(`${loop}-two`, 'two'), `fix(drill): leave ${loop} to one of them`))
    },
    cleanUp: (field) => removeUntilGone(field, ...sides.map((side) => pulling(field, side))),
  },
]

const chart = `apiVersion: v2
name: ${stuck}
version: 1.0.0
`

function configMap(name: string, side: string): string {
  return `apiVersion: v1
kind: ConfigMap
metadata:
  name: ${name}
data:
  side: ${side}
`
}

const fileOf = (side: string): string => `${loop}/${side}/configmap.yaml`
const pulling = ({ namespace }: Field, side: string): Ref => ({ ...fluxKinds.kustomization, namespace, name: `${loop}-${side}` })
const release = ({ namespace }: Field): Ref => ({ ...fluxKinds.helmRelease, namespace, name: stuck })

/** What upgrade.ts would commit, with nobody there to revert it. */
async function breakUpgrade({ cluster, namespace, lab }: Field): Promise<void> {
  const instance = await cluster.get(instanceIn(namespace))
  const distribution = await lab?.distribution()
  if (lab === undefined || instance === undefined || distribution === undefined)
    throw new OperatorError('there is no other version of Flux to set')
  const { wanted } = instanceStateOf(instance)
  const version = nearestVersions(wanted, distribution.versions).find((other) => other !== wanted) ?? wanted
  await lab.setFault(`image=source-controller:${distribution.imagesOf(version).get('source-controller') ?? ''}`)
  await lab.inGit(async (clone) => {
    const { settingsFile } = lab
    const text = withVersions(await clone.read(settingsFile), settingsFile, { flux_version: version })
    return clone.commit(settingsFile, text, `chore(drill): Flux v${version}, which cannot be pulled`)
  })
}

const fetchedSchema = v.object({ status: v.object({ artifact: v.object({ revision: v.string() }) }) })

/** Commits files, and returns when Flux has fetched them. */
async function commit({ cluster, namespace, lab, progress, timeout }: Field, files: Readonly<Record<string, string>>): Promise<void> {
  const commits = await lab?.inGit(async (clone) => {
    const made = []
    for (const [path, content] of Object.entries(files)) {
      if ((await clone.read(path).catch(() => '')) !== content) made.push(await clone.commit(path, content, 'chore(drill): a mistake'))
    }
    return made
  })
  const head = commits?.at(-1)
  if (head === undefined) return // an earlier drill has left it there
  progress(`waiting until Flux has fetched ${head.slice(0, 12)}`)
  const ref = { ...fluxKinds.gitRepository, namespace, name: namespace }
  const isIt = (revision: string): boolean => revision.endsWith(head)
  const fetched = await waitUntil(cluster, {
    watches: [{ kind: fluxKinds.gitRepository, query: { namespace } }],
    timeout,
    async check() {
      const source = v.safeParse(fetchedSchema, await cluster.get(ref))
      return source.success ? source.output.status.artifact.revision : ''
    },
    isOver: isIt,
  })
  if (!isIt(fetched)) throw new OperatorError(`${nameOf(ref)} has not fetched ${head}; it is at ${fetched === '' ? 'nothing' : fetched}`)
}

/** Deletes each, and waits until its controller has removed its finalizer, before the next. */
async function removeUntilGone({ cluster, timeout }: Field, ...refs: readonly Ref[]): Promise<void> {
  const deadline = Date.now() + Math.min(minute, timeout)
  for (const ref of refs) {
    const left = await waitUntil(cluster, {
      watches: [{ kind: ref, query: {} }],
      timeout: deadline - Date.now(),
      check: () => cluster.get(ref),
      isOver: (live) => live === undefined,
      async meanwhile(live) {
        if (live !== undefined && live.metadata.deletionTimestamp === undefined) await cluster.remove(ref, { uid: live.metadata.uid ?? '' })
      },
    })
    if (left !== undefined) throw new OperatorError(`the drill's own ${nameOf(ref)} is not deleted`)
  }
}
