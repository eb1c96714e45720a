import * as v from 'valibot'
import type { Cluster } from '../cluster/cluster.ts'
import { type Kind, kinds, type KubeObject, nameOf, type Ref, refOf } from '../cluster/objects.ts'
import { deploymentReadiness } from '../cluster/readiness.ts'
import { complaintOf, shell } from '../command.ts'
import type { Access } from '../kubeconfig.ts'
import type { Step } from '../step.ts'

const componentsSchema = v.object({
  status: v.optional(
    v.object({
      components: v.optional(v.array(v.object({ name: v.string(), repository: v.string(), tag: v.string() })), []),
      lastAppliedRevision: v.optional(v.string(), ''),
    }),
    {},
  ),
})
const imagesSchema = v.object({
  spec: v.object({ template: v.object({ spec: v.object({ containers: v.array(v.object({ image: v.string() })) }) }) }),
})

/** Checks the result as a whole: controllers at their images, nobody else's field manager on anything of Flux, `flux check` agrees. */
export function verifyFlux(namespace: string, access: Access, flux: string | undefined): Step {
  const instanceRef: Ref = { ...kinds.fluxInstance, namespace, name: 'flux' }
  return {
    id: 'verify',
    title: 'Verify Flux',
    risk: 'safe',
    async look({ cluster }) {
      const instance = await cluster.get(instanceRef)
      if (instance === undefined) return { is: 'waiting', on: 'the FluxInstance' }
      const { components, lastAppliedRevision } = v.parse(componentsSchema, instance).status
      if (components.length === 0) return { is: 'waiting', on: 'the FluxInstance to name its components' }
      for (const { name, repository, tag } of components) {
        const ref: Ref = { ...kinds.deployment, namespace, name }
        const image = await imageOf(cluster, ref)
        if (image !== `${repository}:${tag}`) return { is: 'waiting', on: `${nameOf(ref)} to run ${repository}:${tag}; it is ${image}` }
        const readiness = await deploymentReadiness(cluster, ref)
        if (readiness.is === 'waiting') return readiness
      }
      const foreign = await foreignManagers(cluster, namespace)
      if (foreign.length > 0) {
        return {
          is: 'blocked',
          reason: `field managers that are not Flux's: ${foreign.slice(0, 5).join('; ')}${foreign.length > 5 ? `; and ${foreign.length - 5} more` : ''}`,
          remedy: `kubectl --namespace ${namespace} get --show-managed-fields -o yaml KIND NAME`,
        }
      }
      const check = flux === undefined ? { is: 'agrees', words: '' } : await fluxCheck(flux, access, namespace)
      if (check.is === 'complains') return { is: 'waiting', on: `flux check: ${check.words}` }
      return {
        is: 'done',
        detail: `Flux ${lastAppliedRevision.split('@')[0]}, ${components.length} controllers at their images${check.words}`,
      }
    },
    act: () => Promise.resolve(),
    watches: [
      { kind: kinds.deployment, query: { namespace } },
      { kind: kinds.fluxInstance, query: { namespace } },
    ],
  }
}

/** What `flux check` says. A login program that asks questions has asked them already, and cannot again for another program. */
async function fluxCheck(flux: string, access: Access, namespace: string): Promise<{ is: 'agrees' | 'complains'; words: string }> {
  const ended = await shell(access.env)`${flux} check --context=${access.context} --namespace=${namespace} --timeout=30s`.nothrow()
  if (ended.exitCode === 0) return { is: 'agrees', words: '; flux check agrees' }
  if (access.login !== undefined && ended.stderr.includes('getting credentials: exec')) {
    return { is: 'agrees', words: `; flux check could not be asked: the login by ${access.login.program} wants a terminal` }
  }
  return { is: 'complains', words: complaintOf(ended) }
}

/** The image of a Deployment's first container, without a digest. */
export async function imageOf(cluster: Cluster, ref: Ref): Promise<string> {
  const deployment = await cluster.get(ref)
  const image = deployment === undefined ? 'missing' : (v.parse(imagesSchema, deployment).spec.template.spec.containers[0]?.image ?? '')
  return image.split('@')[0] ?? ''
}

/** The kinds whose objects are Flux's own and must have no other owners. */
const ownKinds: readonly Kind[] = [kinds.fluxInstance, kinds.gitRepository, kinds.ociRepository, kinds.kustomization, kinds.helmRelease]
const ownGroups = /\.(toolkit\.fluxcd\.io|fluxcd\.controlplane\.io)$/
const ownManagers = /^(flux-operator|flux-runbook|kube-apiserver|kube-controller-manager|[a-z-]+-controller|gotk-[a-z-]+)$/

/** `CustomResourceDefinition x: kubectl-client-side-apply` for each field manager that neither Flux nor the API server uses. */
export async function foreignManagers(cluster: Cluster, namespace: string): Promise<string[]> {
  const crds = (await cluster.list(kinds.crd)).filter(({ metadata }) => ownGroups.test(metadata.name))
  const lists = await Promise.all(ownKinds.map((kind) => cluster.list(kind, { namespace })))
  return [...crds, ...lists.flat()].flatMap((object) => foreignOf(object).map((manager) => `${nameOf(refOf(object))}: ${manager}`))
}

function foreignOf(object: KubeObject): string[] {
  const names = object.metadata.managedFields.map(({ manager }) => manager)
  return [...new Set(names)].filter((name) => !ownManagers.test(name))
}
