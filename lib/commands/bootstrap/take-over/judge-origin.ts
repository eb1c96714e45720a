import * as v from 'valibot'
import { isNewerMinor, order } from '../../../base/version.ts'
import type { Tree } from '../../../desired-state/tree.ts'
import { installerTitles } from '../../../flux/installer.ts'
import { inventoryOf } from '../../../flux/inventory.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { isSuspended } from '../../../flux/suspension.ts'
import { kinds, type KubeObject, nameOf, type Ref, refOf } from '../../../kubernetes/objects.ts'
import { blocks, type Finding, notice } from '../../../preflight/preflight.ts'
import type { FluxOrigin } from './origin.ts'

type WantedFlux = Pick<Tree, 'namespace' | 'syncName' | 'components' | 'distribution' | 'placed'> & {
  readonly sync: Pick<Tree['sync'], 'path'>
}

/** `Flux 2.9.4 was installed by the flux CLI`. */
export function describeOrigin({ installedBy, version, release }: FluxOrigin): string {
  const by = installedBy === 'helm' && release !== undefined ? `Helm (release ${release.name})` : installerTitles[installedBy]
  return `Flux ${version ?? 'of an unknown version'} was installed by ${by}`
}

/** The names of its Deployments. */
export function namesOf(objects: readonly KubeObject[]): string {
  return objects.map(({ metadata }) => metadata.name).join(', ')
}

/** What is found where nobody has asked to take over what is there: the command that does. */
export function refuseTakeOver(origin: FluxOrigin, namespace: string, command: string): Finding {
  const { controllers } = origin
  return blocks(
    `${describeOrigin(origin)}: ${namesOf(controllers)} in ${namespace} would be taken over by flux-operator`,
    `${command}   # the plan lists what flux-operator takes over, and workloads stay; or leave Flux to its installer`,
  )
}

/**
 * All that has to be so for the operator to take over a Flux with nothing lost.
 * @param hasStack that this run takes it out of the state of the Pulumi stack that it is in
 */
export function judgeOrigin(origin: FluxOrigin, wanted: WantedFlux, root: KubeObject | undefined, hasStack = false): Finding[] {
  return [
    ...judgeKeeper(origin, hasStack),
    ...judgeSelectors(origin),
    ...judgeVersion(origin, wanted),
    ...judgeComponents(origin, wanted),
    ...(root === undefined ? [] : [...judgeRoot(root, wanted), ...judgeRemoved(root, origin, wanted)]),
  ]
}

/** What would restore, or remove, what the operator has taken over. */
function judgeKeeper({ installedBy, releasedBy }: FluxOrigin, hasStack: boolean): Finding[] {
  if (releasedBy !== undefined && !isSuspended(releasedBy)) {
    const name = nameOf(refOf(releasedBy))
    return [
      blocks(
        `${name} installs this Flux's chart: it would continue, and deleting it would uninstall all of Flux with its CRDs`,
        `set spec.suspend: true of ${name} in Git, push, wait until Flux has applied it, and run again; deleting a suspended one uninstalls nothing`,
      ),
    ]
  }
  if (installedBy === 'terraform') {
    return [
      notice(
        'Terraform has this Flux in its state: its next apply would revert it, and a destroy would delete it with its CRDs',
        "before that: terraform state rm ADDRESS   # of each resource of Flux's, and remove them from the configuration",
      ),
    ]
  }
  if (installedBy === 'pulumi' && !hasStack) {
    return [
      notice(
        'Pulumi has this Flux in its state: its next up would revert it, and a destroy would delete it with its CRDs',
        "set PULUMI_STACK (.env.example), and this run removes it from there; or: pulumi state delete URN   # of each resource of Flux's",
      ),
    ]
  }
  return []
}

const selectorSchema = v.object({
  spec: v.object({ selector: v.object({ matchLabels: v.optional(v.record(v.string(), v.string()), {}) }) }),
})

/** The selector of a Deployment cannot be changed: one that is not upstream's would have to be deleted first. */
function judgeSelectors({ controllers, together }: FluxOrigin): Finding[] {
  const others = controllers.filter((one) => {
    if (one === together) return false
    const read = v.safeParse(selectorSchema, one)
    const labels = read.success ? read.output.spec.selector.matchLabels : {}
    return Object.entries(labels).some(([key, value]) => key !== 'app' || value !== one.metadata.name)
  })
  return others.map((one) =>
    blocks(
      `${nameOf(refOf(one))} selects its pods by labels that differ from upstream's and cannot be changed: the operator cannot apply its own Deployment`,
      `kubectl --namespace ${one.metadata.namespace} delete deployment ${one.metadata.name}   # its workloads stay; then run again`,
    ),
  )
}

function judgeVersion({ version }: FluxOrigin, { distribution: { version: wanted } }: WantedFlux): Finding[] {
  if (version === undefined) return [notice(`which version of Flux runs is not known; ${wanted} will`)]
  if (!/^v?\d+\.\d+\.\d+$/.test(wanted)) return [notice(`Flux ${version} runs; the newest of ${wanted} will, which may be another`)]
  if (order(wanted, version) === 0) return []
  if (order(wanted, version) < 0) {
    const serious = isNewerMinor(version, wanted) ? ', and objects may be stored in a version of the API that the older one lacks' : ''
    return [
      blocks(
        `Flux ${version} runs, and the FluxInstance asks for ${wanted}: that is a downgrade${serious}`,
        `set ${version} there, push, and run again; change the version afterwards`,
      ),
    ]
  }
  return [notice(`Flux ${version} runs, and ${wanted} will: the take-over is also an upgrade; to do one after the other, set ${version}`)]
}

/** A controller that the FluxInstance does not ask for stays as it is, and is pruned with its CRDs once it is removed from Git. */
function judgeComponents({ components }: FluxOrigin, wanted: WantedFlux): Finding[] {
  const lacking = components.filter((name) => !wanted.components.includes(name))
  if (lacking.length === 0) return []
  return [
    blocks(
      `${lacking.join(', ')} runs, and the FluxInstance has no such component: nothing would manage it`,
      `add ${lacking.join(', ')} to spec.components of the FluxInstance (or instance.components of its chart), push, and run again`,
    ),
  ]
}

const rootSchema = v.object({
  spec: v.object({
    path: v.optional(v.string(), ''),
    prune: v.optional(v.boolean(), false),
    sourceRef: v.object({ kind: v.string(), name: v.string() }),
  }),
})

/** The new owner's root Kustomization bears the same name: what the present one applied, and the new one would not, is pruned. */
export function judgeRoot(
  root: KubeObject,
  { namespace, syncName, sync }: Pick<WantedFlux, 'namespace' | 'syncName' | 'sync'>,
  remedy = "give the FluxInstance's sync the same path and kind of source, or another name (spec.sync.name), push, and run again",
): Finding[] {
  const { path, prune, sourceRef } = v.parse(rootSchema, root).spec
  const isSame = bare(path) === bare(sync.path) && sourceRef.kind === fluxKinds.gitRepository.kind && sourceRef.name === syncName
  const applied = inventoryOf(root).length
  if (isSame || !prune || applied === 0) return []
  const now = `${path} of ${sourceRef.kind} ${sourceRef.name}`
  return [
    blocks(
      `Kustomization ${namespace}/${syncName} applies ${now}, and would apply ${sync.path} of GitRepository ${syncName}: the ${applied} objects that it applied could be pruned`,
      remedy,
    ),
  ]
}

/** Flux's own manifests have to stay in Git until the operator has marked what runs as not to be pruned. */
function judgeRemoved(root: KubeObject, { controllers }: FluxOrigin, { placed, syncName, namespace }: WantedFlux): Finding[] {
  if (placed === undefined || isSuspended(root)) return []
  const names = controllers.map(({ metadata }) => metadata.name)
  const isController = ({ kind, name, namespace: at }: Ref): boolean =>
    kind === kinds.deployment.kind && at === namespace && names.includes(name)
  const gone = inventoryOf(root).filter((ref) => isController(ref) && !placed.has(nameOf(ref)))
  const [first] = gone
  if (first === undefined) return []
  return [
    blocks(
      `${nameOf(first)} is applied by Kustomization ${namespace}/${syncName}, and is no longer in Git: Flux is about to prune itself`,
      `flux --namespace ${namespace} suspend kustomization ${syncName}   # at once; then add Flux's manifests to Git again, push, resume it, and run again`,
    ),
  ]
}

function bare(path: string): string {
  return path.replace(/^\.?\//, '').replace(/\/$/, '')
}
