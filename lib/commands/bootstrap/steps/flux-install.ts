import { printable } from '../../../base/shell-line.ts'
import { counted } from '../../../base/counted.ts'
import * as v from 'valibot'
import { kinds, type KubeObject, type Ref } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { deploymentReadiness } from '../../../kubernetes/readiness.ts'
import { complaintOf, shell } from '../../../process/command.ts'
import { OperatorError } from '../../../base/errors.ts'
import type { Access } from '../../../connection/kubeconfig.ts'
import type { Step } from '../../../runner/step.ts'
import type { Tree } from '../../../desired-state/tree.ts'
import { manifestOf } from '../../../kubernetes/manifest.ts'
import { appLabels } from '../../../flux/labels.ts'

const labelsSchema = v.object({ metadata: v.object({ labels: v.record(v.string(), v.string()) }) })

/** Installs Flux' controllers with the flux CLI, at the version that Git names, where they do not exist already. */
export function ensureFluxInstalled(tree: Tree, access: Access, flux: string | undefined): Step {
  const { namespace, distribution, components } = tree
  const version = `v${distribution.version}`
  const flags = [
    `--version=${version}`,
    `--components=${components.join(',')}`,
    `--namespace=${namespace}`,
    `--registry=${distribution.registry}`,
  ]
  return {
    id: 'flux-install',
    title: `Install Flux ${version} with its CLI`,
    risk: 'change',
    async check({ cluster }) {
      if (flux === undefined) {
        return { is: 'blocked', reason: '--via flux needs the flux CLI, which is not on PATH', remedy: 'install flux, or omit --via' }
      }
      for (const name of components) {
        const ref: Ref = { ...kinds.deployment, namespace, name }
        const deployment = await cluster.get(ref)
        if (deployment === undefined || versionOf(deployment) !== version) {
          return { is: 'todo', change: `install ${components.join(', ')} ${version}`, commands: [printable(['flux', 'install', ...flags])] }
        }
        const readiness = await deploymentReadiness(cluster, ref)
        if (readiness.is === 'waiting') return readiness
      }
      return { is: 'done', detail: `${counted(components.length, 'controller')} of ${version} available` }
    },
    async apply({ timeout, signal }) {
      const limit = `--timeout=${Math.ceil(timeout / 1000)}s`
      await shell(access.env, { signal })`${flux ?? 'flux'} install --context=${access.context} ${flags} ${limit}`.catch(
        (error: unknown) => {
          throw new OperatorError(`flux install failed: ${complaintOf(error)}`, { remedy: `kubectl --namespace ${namespace} get pods` })
        },
      )
    },
    watches: [
      { kind: kinds.deployment, query: { namespace } },
      { kind: kinds.pod, query: { namespace } },
    ],
  }
}

function versionOf(deployment: KubeObject): string | undefined {
  return v.parse(labelsSchema, deployment).metadata.labels[appLabels.version]
}

/** Makes the GitRepository and root Kustomization under the very names that the operator will adopt: nothing is synced twice. */
export function ensureFirstSync(tree: Tree): Step {
  const { namespace, sync, syncName: name, commit } = tree
  const source: Ref = { ...fluxKinds.gitRepository, namespace, name }
  const root: Ref = { ...fluxKinds.kustomization, namespace, name }
  const secretRef = sync.pullSecret === '' ? {} : { secretRef: { name: sync.pullSecret } }
  // As the operator will make them (flux-operator internal/builder/templates.go), so that adopting changes nothing.
  const objects = [
    manifestOf(source, { spec: { interval: sync.interval, ref: { name: sync.ref }, url: sync.url, ...secretRef } }),
    manifestOf(root, {
      spec: { interval: '10m0s', path: sync.path, prune: true, sourceRef: { kind: 'GitRepository', name } },
    }),
  ]
  return {
    id: 'first-sync',
    title: `Point Flux at Git: ${sync.ref} at ${commit.slice(0, 12)}`,
    risk: 'change',
    async check({ cluster }) {
      const live = await Promise.all([cluster.get(source), cluster.get(root)])
      if (live.every((object) => object !== undefined)) return { is: 'done', detail: `GitRepository and Kustomization ${name} exist` }
      const secret = sync.pullSecret === '' ? [] : [`--secret-ref=${sync.pullSecret}`]
      const call = ['flux', '--namespace', namespace, 'create']
      return {
        is: 'todo',
        change: `create GitRepository and Kustomization ${namespace}/${name}`,
        commands: [
          printable([
            ...call,
            'source',
            'git',
            name,
            `--url=${sync.url}`,
            `--ref-name=${sync.ref}`,
            `--interval=${sync.interval}`,
            ...secret,
          ]),
          printable([...call, 'kustomization', name, `--source=GitRepository/${name}`, `--path=${sync.path}`, '--prune', '--interval=10m']),
        ],
      }
    },
    async apply({ cluster }) {
      for (const object of objects) await cluster.apply(object)
    },
    watches: [],
  }
}
