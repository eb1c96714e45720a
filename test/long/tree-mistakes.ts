/** One mistake in one of the trees of test/fixtures/trees/, and what validate says of it. */
export interface TreeMistake {
  readonly mistake: string
  readonly file: string
  readonly change: (text: string) => string
  readonly expected: readonly string[]
}

const to =
  (from: string, into: string): TreeMistake['change'] =>
  (text) =>
    text.replace(from, () => into)

const home: readonly TreeMistake[] = [
  {
    mistake: 'a tab',
    file: 'kubernetes/apps/default/echo/app/helmrelease.yaml',
    change: to('  interval', '\tinterval'),
    expected: [
      'kubernetes/apps/default/echo/app/helmrelease.yaml:7: yaml: a tab as indentation; indent with spaces',
      'kubernetes/apps/default/echo/app/helmrelease.yaml:7: yaml: Nested mappings are not allowed in compact mappings; fix the YAML',
      'kubernetes/apps/default/echo/app/helmrelease.yaml:7: yaml: Implicit keys need to be on a single line; fix the YAML',
      'kubernetes/apps/default/echo/app/helmrelease.yaml:11: yaml: All mapping items must start at the same column; fix the YAML',
    ],
  },
  {
    mistake: 'a resource that does not exist',
    file: 'kubernetes/apps/default/kustomization.yaml',
    change: to('./cameras/ks', './camera/ks'),
    expected: [
      'kubernetes/apps/default/kustomization.yaml:10: build: resources names ./camera/ks.yaml, which does not exist; fix the name, or remove the entry',
    ],
  },
  {
    mistake: 'a data file that does not exist',
    file: 'kubernetes/apps/default/cameras/app/kustomization.yaml',
    change: to('=./config/', '=./configs/'),
    expected: [
      'kubernetes/apps/default/cameras/app/kustomization.yaml:9: build: files names ./configs/configuration.yaml, which does not exist; fix the name, or remove the entry',
    ],
  },
  {
    mistake: 'a component that does not exist',
    file: 'kubernetes/apps/cert-manager/kustomization.yaml',
    change: to('components/common', 'components/commons'),
    expected: [
      'kubernetes/apps/cert-manager/kustomization.yaml:6: build: components names ../../components/commons, which does not exist; fix the name, or remove the entry',
    ],
  },
  {
    mistake: 'a path that does not exist',
    file: 'kubernetes/apps/default/echo/ks.yaml',
    change: to('echo/app', 'echo/apps'),
    expected: [
      'kubernetes/apps/default/echo/ks.yaml:12: path: Kustomization default/echo follows ./kubernetes/apps/default/echo/apps, which does not exist; fix the path, or add the folder',
    ],
  },
  {
    mistake: 'a source that does not exist',
    file: 'kubernetes/apps/default/echo/app/helmrelease.yaml',
    change: to('name: app-template', 'name: app-templates'),
    expected: [
      'kubernetes/apps/default/echo/app/helmrelease.yaml:10: source: HelmRelease default/echo refers to OCIRepository default/app-templates, which cluster kubernetes/flux/cluster does not have; fix the name, or add the OCIRepository to what the cluster applies',
    ],
  },
  {
    mistake: 'a variable without a value',
    file: 'kubernetes/apps/default/cameras/app/deployment.yaml',
    change: to('${TIMEZONE}', '${TIME_ZONE}'),
    expected: [
      'kubernetes/apps/default/cameras/app/deployment.yaml:20: variables: ${TIME_ZONE} has no value in cluster kubernetes/flux/cluster: Flux would substitute an empty string; set TIME_ZONE in a ConfigMap that the Kustomization names in substituteFrom, or give a default: ${TIME_ZONE:=VALUE}',
    ],
  },
  {
    mistake: 'a form of substitution that Flux does not have',
    file: 'kubernetes/apps/default/echo/app/helmrelease.yaml',
    change: to('${APP^^}', '${APP^^^}'),
    expected: [
      'kubernetes/apps/default/echo/app/helmrelease.yaml:21: variables: ${APP^^^} is not a form of substitution that Flux has: it refuses the whole Kustomization; write ${name} or ${name:=default}; or $${ where a ${ is meant',
    ],
  },
  {
    mistake: 'a field that there is not',
    file: 'kubernetes/apps/cert-manager/cert-manager/ks.yaml',
    change: to('retryInterval', 'retryIntervall'),
    expected: [
      'kubernetes/apps/cert-manager/cert-manager/ks.yaml:14: schema: Kustomization cert-manager/cert-manager: there is no field spec.retryIntervall; did you mean retryInterval?',
    ],
  },
  {
    mistake: 'things that wait for each other',
    file: 'kubernetes/apps/cert-manager/cert-manager/ks.yaml',
    change: to('- name: cert-manager\n', '- name: cert-manager-issuers\n'),
    expected: [
      'kubernetes/apps/cert-manager/cert-manager/ks.yaml:44: depends-on: Kustomization cert-manager/cert-manager-issuers waits for itself: neither is ever applied; remove one dependsOn of the cycle',
    ],
  },
  {
    mistake: 'a file from outside the repository',
    file: 'kubernetes/apps/default/echo/app/kustomization.yml',
    change: to('../../../../shared/app-template.yaml', '../../../../../../..'),
    expected: [
      'kubernetes/apps/default/echo/app/kustomization.yml:6: outside: resources leads out of the repository: ../../../../../../..; copy what it names into the repository, and name it by a relative path',
    ],
  },
  {
    mistake: 'a Secret in plain text',
    file: 'kubernetes/components/common/cluster-secrets.sops.yaml',
    change: (text) => text.slice(0, text.indexOf('sops:')).replace(/ENC\[.*\]/, 'home.example'),
    expected: [
      'kubernetes/components/common/cluster-secrets.sops.yaml:5: plain-secret: Secret cluster-secrets is in plain text, which Git keeps forever; change the secret, and encrypt the file: sops --encrypt --in-place kubernetes/components/common/cluster-secrets.sops.yaml',
    ],
  },
  {
    mistake: 'an address with a password',
    file: 'kubernetes/apps/default/cameras/app/config/configuration.yaml',
    change: to('{CAMERA_PASSWORD}', 'hunter2'),
    expected: [
      'kubernetes/apps/default/cameras/app/config/configuration.yaml:4: credentials: an address holds a password, which Git keeps forever; change the password, and remove it: bootstrap creates the Secret from GIT_USERNAME and GIT_PASSWORD',
    ],
  },
  {
    mistake: 'a chart of an OCI registry by sourceRef',
    file: 'kubernetes/apps/cert-manager/cert-manager/app/helmrelease.yaml',
    change: to('kind: HelmRepository', 'kind: OCIRepository'),
    expected: [
      'kubernetes/apps/cert-manager/cert-manager/app/helmrelease.yaml:13: chart-ref: HelmRelease cert-manager/cert-manager takes its chart from an OCIRepository by sourceRef; write spec.chartRef with kind: OCIRepository instead of spec.chart',
      'kubernetes/apps/cert-manager/cert-manager/app/helmrelease.yaml:13: schema: HelmRelease cert-manager/cert-manager: spec.chart.spec.sourceRef.kind is "OCIRepository"; write one of HelmRepository, GitRepository, Bucket',
      'kubernetes/apps/cert-manager/cert-manager/app/helmrelease.yaml:14: source: HelmRelease cert-manager/cert-manager refers to OCIRepository cert-manager/jetstack, which cluster kubernetes/flux/cluster does not have; fix the name, or add the OCIRepository to what the cluster applies',
    ],
  },
  {
    mistake: 'a ConfigMap of variables that does not exist',
    file: 'kubernetes/flux/cluster/ks.yaml',
    change: to('name: cluster-settings', 'name: cluster-setting'),
    expected: [
      'kubernetes/flux/cluster/ks.yaml:36: substitute-from: Kustomization cert-manager/cert-manager refers to ConfigMap cert-manager/cluster-setting, which cluster kubernetes/flux/cluster does not have; fix the name; or, if it is created in the cluster, give its values with --values FILE',
      'kubernetes/flux/cluster/ks.yaml:36: substitute-from: Kustomization cert-manager/cert-manager-issuers refers to ConfigMap cert-manager/cluster-setting, which cluster kubernetes/flux/cluster does not have; fix the name; or, if it is created in the cluster, give its values with --values FILE',
      'kubernetes/flux/cluster/ks.yaml:36: substitute-from: Kustomization default/cameras refers to ConfigMap default/cluster-setting, which cluster kubernetes/flux/cluster does not have; fix the name; or, if it is created in the cluster, give its values with --values FILE',
      'kubernetes/flux/cluster/ks.yaml:36: substitute-from: Kustomization default/echo refers to ConfigMap default/cluster-setting, which cluster kubernetes/flux/cluster does not have; fix the name; or, if it is created in the cluster, give its values with --values FILE',
      'kubernetes/flux/cluster/ks.yaml:36: substitute-from: Kustomization flux-system/flux-instance refers to ConfigMap flux-system/cluster-setting, which cluster kubernetes/flux/cluster does not have; fix the name; or, if it is created in the cluster, give its values with --values FILE',
      'kubernetes/flux/cluster/ks.yaml:36: substitute-from: Kustomization flux-system/flux-operator refers to ConfigMap flux-system/cluster-setting, which cluster kubernetes/flux/cluster does not have; fix the name; or, if it is created in the cluster, give its values with --values FILE',
    ],
  },
  {
    mistake: 'a FluxInstance of another name',
    file: 'kubernetes/apps/flux-system/flux-instance/app/helmrelease.yaml',
    change: to('    instance:\n', '    fullnameOverride: fluxx\n    instance:\n'),
    expected: [
      'kubernetes/apps/flux-system/flux-instance/app/helmrelease.yaml:29: instance-name: HelmRelease flux-system/flux-instance does not call its FluxInstance flux, and the operator reconciles no other; set values.fullnameOverride: flux',
    ],
  },
]

const bootstrap: readonly TreeMistake[] = [
  {
    mistake: 'a key twice',
    file: 'apps/base/storefront/release.yaml',
    change: to('  interval: 50m\n', '  interval: 50m\n  interval: 5m\n'),
    expected: ['apps/base/storefront/release.yaml:14: yaml: the same key twice in one map; remove one of them: the last would win'],
  },
  {
    mistake: 'a resource that does not exist',
    file: 'apps/staging/kustomization.yaml',
    change: to('../base/storefront', '../base/storefronts'),
    expected: [
      'apps/staging/kustomization.yaml:4: build: resources names ../base/storefronts, which does not exist; fix the name, or remove the entry',
    ],
  },
  {
    mistake: 'a patch that does not exist',
    file: 'apps/production/kustomization.yaml',
    change: to('storefront-values', 'storefront-value'),
    expected: [
      'apps/production/kustomization.yaml:6: build: patches names storefront-value.yaml, which does not exist; fix the name, or remove the entry',
    ],
  },
  {
    mistake: 'a root whose path does not exist',
    file: 'clusters/staging/flux-system/gotk-sync.yaml',
    change: to('./clusters/staging', './clusters/stage'),
    expected: [
      'clusters/staging/flux-system/gotk-sync.yaml:23: path: Kustomization flux-system follows ./clusters/stage, which does not exist; fix the path, or add the folder',
    ],
  },
  {
    mistake: 'a path that does not exist',
    file: 'clusters/production/apps.yaml',
    change: to('./apps/production', './apps/prod'),
    expected: [
      'clusters/production/apps.yaml:13: path: Kustomization flux-system/apps follows ./apps/prod, which does not exist; fix the path, or add the folder',
    ],
  },
  {
    mistake: 'a dependency that does not exist',
    file: 'clusters/production/apps.yaml',
    change: to('infra-configs', 'infra-config'),
    expected: [
      'clusters/production/apps.yaml:9: depends-on: Kustomization flux-system/apps refers to Kustomization flux-system/infra-config, which cluster clusters/production does not have; fix the name, or add the Kustomization to what the cluster applies',
    ],
  },
  {
    mistake: 'a source that does not exist',
    file: 'apps/base/storefront/release.yaml',
    change: to('        name: storefront\n', '        name: storefronts\n'),
    expected: [
      'apps/base/storefront/release.yaml:12: source: HelmRelease storefront/storefront refers to HelmRepository storefront/storefronts, which cluster clusters/production does not have; fix the name, or add the HelmRepository to what the cluster applies',
      'apps/base/storefront/release.yaml:12: source: HelmRelease storefront/storefront refers to HelmRepository storefront/storefronts, which cluster clusters/staging does not have; fix the name, or add the HelmRepository to what the cluster applies',
    ],
  },
  {
    mistake: 'an interval that is none',
    file: 'infrastructure/controllers/cert-manager.yaml',
    change: to('interval: 12h', 'interval: 12 hours'),
    expected: [
      'infrastructure/controllers/cert-manager.yaml:27: schema: HelmRelease cert-manager/cert-manager: spec.interval is "12 hours"; write a duration, as 5m or 1h30m',
    ],
  },
  {
    mistake: 'a version of the API that is gone',
    file: 'apps/base/storefront/release.yaml',
    change: to('toolkit.fluxcd.io/v2', 'toolkit.fluxcd.io/v2beta1'),
    expected: [
      'apps/base/storefront/release.yaml:1: schema: HelmRelease storefront/storefront: Flux 2.9.4 serves no HelmRelease in version v2beta1; write it in v2',
    ],
  },
  {
    mistake: 'a required field left out',
    file: 'apps/base/storefront/repository.yaml',
    change: to('  url: https://charts.example/storefront\n', ''),
    expected: ['apps/base/storefront/repository.yaml:5: schema: HelmRepository storefront/storefront: spec.url is missing; add it'],
  },
  {
    mistake: 'an object that two apply',
    file: 'infrastructure/configs/cluster-issuers.yaml',
    change: (text) => `${text}---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: cert-manager\n`,
    expected: [
      'clusters/production/infrastructure.yaml:13: applied-twice: Namespace cert-manager is applied by Kustomization flux-system/infra-configs already; let one of the two apply it',
      'clusters/staging/infrastructure.yaml:13: applied-twice: Namespace cert-manager is applied by Kustomization flux-system/infra-configs already; let one of the two apply it',
    ],
  },
]

const fleet: readonly TreeMistake[] = [
  {
    mistake: 'a FluxInstance of another name',
    file: 'clusters/prod/flux-system/flux-instance.yaml',
    change: to('name: flux\n', 'name: fluxx\n'),
    expected: [
      'clusters/prod/flux-system/flux-instance.yaml:4: instance-name: FluxInstance flux-system/fluxx is not called flux, and the operator reconciles no other; call it flux',
    ],
  },
  {
    mistake: 'a root whose path does not exist',
    file: 'clusters/staging/flux-system/flux-instance.yaml',
    change: to('clusters/staging', 'clusters/stagin'),
    expected: [
      'clusters/staging/flux-system/flux-instance.yaml:27: path: FluxInstance flux follows clusters/stagin, which does not exist; fix the path, or add the folder',
    ],
  },
  {
    mistake: 'a field of the FluxInstance that there is not',
    file: 'clusters/prod/flux-system/flux-instance.yaml',
    change: to('multitenant:', 'multitenancy:'),
    expected: [
      'clusters/prod/flux-system/flux-instance.yaml:19: schema: FluxInstance flux-system/flux: there is no field spec.cluster.multitenancy; did you mean multitenant?',
    ],
  },
  {
    mistake: 'a size that there is not',
    file: 'clusters/staging/flux-system/flux-instance.yaml',
    change: to('size: medium', 'size: middling'),
    expected: [
      'clusters/staging/flux-system/flux-instance.yaml:18: schema: FluxInstance flux-system/flux: spec.cluster.size is "middling"; write one of small, medium, large',
    ],
  },
  {
    mistake: 'a path that does not exist',
    file: 'clusters/prod/tenants.yaml',
    change: to('./tenants', './tenant'),
    expected: [
      'clusters/prod/tenants.yaml:9: path: Kustomization flux-system/tenants follows ./tenant, which does not exist; fix the path, or add the folder',
    ],
  },
  {
    mistake: 'a source that is nearly another',
    file: 'clusters/prod/tenants.yaml',
    change: to('    name: flux-system\n  postBuild', '    name: flux-sytem\n  postBuild'),
    expected: [
      'clusters/prod/tenants.yaml:15: source: Kustomization flux-system/tenants refers to OCIRepository flux-system/flux-sytem, which cluster clusters/prod does not have; fix the name, or add the OCIRepository to what the cluster applies',
    ],
  },
  {
    mistake: 'a dependency of a ResourceSet that does not exist',
    file: 'tenants/apps.yaml',
    change: to('name: infra-configs', 'name: infra-config'),
    expected: [
      'tenants/apps.yaml:12: depends-on: ResourceSet flux-system/apps refers to Kustomization monitoring/infra-config, which cluster clusters/prod does not have; fix the name, or add the Kustomization to what the cluster applies',
      'tenants/apps.yaml:12: depends-on: ResourceSet flux-system/apps refers to Kustomization monitoring/infra-config, which cluster clusters/staging does not have; fix the name, or add the Kustomization to what the cluster applies',
    ],
  },
  {
    mistake: 'a dependency that a ResourceSet misspells',
    file: 'tenants/infra.yaml',
    change: to('          - name: infra-controllers', '          - name: infra-controller'),
    expected: [
      'tenants/infra.yaml:76: depends-on: Kustomization cert-manager/infra-configs refers to Kustomization cert-manager/infra-controller, which cluster clusters/prod does not have; fix the name, or add the Kustomization to what the cluster applies',
      'tenants/infra.yaml:76: depends-on: Kustomization cert-manager/infra-configs refers to Kustomization cert-manager/infra-controller, which cluster clusters/staging does not have; fix the name, or add the Kustomization to what the cluster applies',
      'tenants/infra.yaml:76: depends-on: Kustomization monitoring/infra-configs refers to Kustomization monitoring/infra-controller, which cluster clusters/prod does not have; fix the name, or add the Kustomization to what the cluster applies',
      'tenants/infra.yaml:76: depends-on: Kustomization monitoring/infra-configs refers to Kustomization monitoring/infra-controller, which cluster clusters/staging does not have; fix the name, or add the Kustomization to what the cluster applies',
    ],
  },
  {
    mistake: 'a field in a ResourceSet that there is not',
    file: 'tenants/apps.yaml',
    change: to('        targetNamespace:', '        targetNamespaces:'),
    expected: [
      'tenants/apps.yaml:61: schema: Kustomization backend/apps: there is no field spec.targetNamespaces; did you mean targetNamespace?',
      'tenants/apps.yaml:61: schema: Kustomization frontend/apps: there is no field spec.targetNamespaces; did you mean targetNamespace?',
    ],
  },
  {
    mistake: 'a form of substitution that Flux does not have',
    file: 'tenants/apps.yaml',
    change: to('${ARTIFACT_TAG}', '${ARTIFACT-TAG}'),
    expected: [
      'tenants/apps.yaml:17: variables: ${ARTIFACT-TAG} is not a form of substitution that Flux has: it refuses the whole Kustomization; write ${name} or ${name:=default}; or $${ where a ${ is meant',
    ],
  },
]

/** At least ten mistakes in each tree, each of another kind. */
export function mistakesIn(tree: 'home' | 'bootstrap' | 'fleet'): readonly TreeMistake[] {
  return { home, bootstrap, fleet }[tree]
}
