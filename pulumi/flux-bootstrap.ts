import * as k8s from '@pulumi/kubernetes'
import * as pulumi from '@pulumi/pulumi'
import { ownObjects } from './own-objects'

export interface FluxBootstrapArgs {
  /** The community's chart flux2, unless another registry has a copy: `oci://…`. */
  readonly chart?: pulumi.Input<string>
  /** Of that chart, whose appVersion is the Flux it installs: always all three numbers. */
  readonly chartVersion: pulumi.Input<string>
  readonly git: {
    /** `ssh://git@…` */
    readonly url: pulumi.Input<string>
    readonly branch: pulumi.Input<string>
    /** The folder that Flux applies. It must not bring a FluxInstance: an operator would take Flux over. */
    readonly path: pulumi.Input<string>
  }
  readonly sshPrivateKey: pulumi.Input<string>
  /** The host keys that the Git server publishes, never those of a blind scan. */
  readonly knownHosts: pulumi.Input<string>
  /** For Flux to report on commits, in Secret github-token. */
  readonly githubToken: pulumi.Input<string>
}

const namespace = 'flux-system'
const syncName = 'flux-system'
/** What shows that an object is part of this Flux: teardown removes nothing else. */
const labels = { 'app.kubernetes.io/part-of': 'flux', 'app.kubernetes.io/instance': namespace }

/**
 * Flux by Pulumi: the community's chart, every object of it owned and server-side applied by Pulumi itself, and Git to follow. Source and
 * root Kustomization have the names that `flux bootstrap` and flux-operator give them too.
 */
export class FluxBootstrap extends pulumi.ComponentResource {
  constructor(name: string, args: FluxBootstrapArgs, options: pulumi.ComponentResourceOptions = {}) {
    super('flux-runbook:index:FluxBootstrap', name, {}, { ...options, transforms: [...(options.transforms ?? []), ownObjects] })
    // The current context's cluster. An empty kubeconfig keeps that of KUBECONFIG out of the state: a path in it may be gone the next time.
    // Server-side apply alone: a kubectl-client-side-apply manager on a CRD stays forever.
    const provider = new k8s.Provider(`${name}-cluster`, { enableServerSideApply: true, kubeconfig: '' }, { parent: this })
    const own = { parent: this, provider }
    // Its UID is the cluster's: it tells a stack of another cluster from this one's.
    k8s.core.v1.Namespace.get(`${name}-which-cluster`, 'kube-system', own)
    // Anyone who destroys the stack has not asked to delete every workload that Flux has ever deployed into it.
    const kept = { ...own, retainOnDelete: true }
    const home = new k8s.core.v1.Namespace(`${name}-namespace`, { metadata: { name: namespace } }, kept)
    const secret = (secretName: string, stringData: Record<string, pulumi.Input<string>>): k8s.core.v1.Secret =>
      new k8s.core.v1.Secret(
        `${name}-${secretName}`,
        { metadata: { name: secretName, namespace, labels }, stringData },
        { ...kept, dependsOn: home },
      )
    const login = secret('flux-git', { identity: args.sshPrivateKey, known_hosts: args.knownHosts })
    secret('github-token', { token: args.githubToken })

    const chart = new k8s.helm.v4.Chart(
      `${name}-chart`,
      { chart: args.chart ?? 'oci://ghcr.io/fluxcd-community/charts/flux2', version: args.chartVersion, name: 'flux', namespace },
      { ...own, dependsOn: home },
    )
    const source = new k8s.apiextensions.CustomResource(
      `${name}-source`,
      {
        apiVersion: 'source.toolkit.fluxcd.io/v1',
        kind: 'GitRepository',
        metadata: { name: syncName, namespace },
        spec: { interval: '1m', url: args.git.url, ref: { branch: args.git.branch }, secretRef: { name: login.metadata.name } },
      },
      { ...kept, dependsOn: [chart, login] },
    )
    new k8s.apiextensions.CustomResource(
      `${name}-root`,
      {
        apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
        kind: 'Kustomization',
        metadata: { name: syncName, namespace },
        spec: { interval: '10m', path: args.git.path, prune: true, sourceRef: { kind: 'GitRepository', name: syncName } },
      },
      { ...kept, dependsOn: source },
    )
    this.registerOutputs({})
  }
}
