import { kinds, type Ref } from '../../kubernetes/objects.ts'
import { operatorName } from '../../flux/labels.ts'
import { needsOf } from '../../flux/object.ts'
import type { Trouble } from '../../health/probe.ts'
import { damaged, described } from './damaged.ts'
import type { Evidence } from './evidence.ts'
import type { FailureMode } from './failures.ts'
import { removeObstacles } from './part-failures.ts'
import { RemedyNeeds } from './remedy-needs.ts'
import { ensureCaughtUp, ensureRefetched, ensureHeadFetched } from './steps/refetch.ts'
import { ensureLostPodsReplaced } from './steps/lost-pods.ts'
import { troubles } from './stuck-releases.ts'

/** What is wrong around Flux: with what it runs on, what it has fetched, and what stands beside it. */
export const aroundFailures: readonly FailureMode[] = [
  {
    id: 'api-unavailable',
    isBeside: true,
    title: 'An aggregated API that does not answer',
    recognise: ({ probed }) => described(damaged(probed, 'api', 'api-unavailable')),
    // Someone else's API does Flux no harm, until a namespace has to go.
    remedy: (remedies) => {
      const found = damaged(remedies.evidence.probed, 'api', 'api-unavailable')
      if (remedies.evidence.terminating !== undefined) return removeObstacles(remedies, found)
      throw new RemedyNeeds('it is not one of Flux, which works without it', found.flatMap(({ next }) => next ?? []).join('; '))
    },
  },
  {
    id: 'instance-ignored',
    isBeside: true,
    isOperators: true,
    title: 'A second FluxInstance',
    recognise: ({ probed }) => described(damaged(probed, 'instance', 'instance-ignored')),
    remedy({ evidence: { probed } }) {
      const commands = damaged(probed, 'instance', 'instance-ignored').map(({ object }) => {
        const [namespace, name] = object.replace(/^\S+ /, '').split('/')
        return `kubectl --namespace ${namespace} delete fluxinstance ${name}`
      })
      throw new RemedyNeeds('only people know which of them is meant', `if it is not: ${commands.join('; ')}`)
    },
  },
  {
    id: 'node-lost',
    title: 'A controller on a node that does not answer',
    recognise: ({ probed }) => described(lostPods(probed)),
    remedy: ({ evidence: { namespace, controllers, installation }, takeSnapshot }) => {
      const names = [...(installation.expectsOperator ? [operatorName] : []), ...controllers.there]
      return {
        parts: [
          ensureLostPodsReplaced(
            names.map((name) => ({ ...kinds.deployment, namespace, name })),
            takeSnapshot,
          ),
        ],
      }
    },
  },
  {
    id: 'artifacts-lost',
    title: "source-controller's storage lost",
    recognise: ({ probed }) => described(lostArtifacts(probed)),
    remedy: ({ evidence, takeSnapshot }) => ({ fetch: [ensureRefetched(sourcesOf(evidence), takeSnapshot)] }),
  },
  {
    id: 'cluster-restored',
    title: 'The cluster restored from a backup that is older than Git',
    recognise: ({ probed }) => described(damaged(probed, 'api', 'data-older')),
    remedy: ({ evidence: { installation }, takeSnapshot }) =>
      installation.follows === undefined ? {} : { fetch: [ensureCaughtUp(installation.follows.source, takeSnapshot)] },
  },
  {
    id: 'git-history-rewritten',
    title: 'The history that Flux follows rewritten in Git',
    recognise: ({ probed }) => described(damaged(probed, 'revision', 'history-rewritten')),
    remedy({ evidence: { installation }, takeSnapshot }) {
      if (installation.follows === undefined) throw new RemedyNeeds('Flux follows nothing', '')
      return { fetch: [ensureHeadFetched(installation.follows.source, takeSnapshot)] }
    },
  },
]

function lostPods(probed: Evidence['probed']): readonly Trouble[] {
  return [...damaged(probed, 'operator', 'node-lost'), ...damaged(probed, 'controllers', 'node-lost')]
}

function lostArtifacts(probed: Evidence['probed']): readonly Trouble[] {
  return ['kustomizations', 'helmreleases'].flatMap((id) => troubles(probed, id).filter(({ cause }) => cause === 'artifact-lost'))
}

/** What those have to fetch again whose artifacts are gone. */
function sourcesOf({ probed, objects }: Evidence): readonly Ref[] {
  const names = lostArtifacts(probed).flatMap(({ object }) => {
    const found = objects.get(object)
    return found === undefined ? [] : [...needsOf(found), ...(found.chart === undefined ? [] : [found.chart])]
  })
  const isSource = (name: string): boolean => !/^(Kustomization|HelmRelease) /.test(name)
  return [...new Set(names)].filter(isSource).flatMap((name) => objects.get(name)?.ref ?? [])
}
