import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { referencesIn } from '../../../lib/flux/secret-references.ts'
import { nameOf, parseObject } from '../../../lib/kubernetes/objects.ts'

/** What an object of the kind with this spec (in YAML) refers to, without the object's own name. */
function found(kind: string, spec: string): string[] {
  const object = parseObject({ apiVersion: 'v1', kind, metadata: { namespace: 'team', name: 'it' }, spec: parse(spec) })
  return referencesIn(object).map(({ ref, by, isOptional }) => {
    return `${nameOf(ref)} by ${by.slice(`${kind} team/it: `.length)}${isOptional ? ', optional' : ''}`
  })
}

describe('what an object of Flux refers to', () => {
  test.each([
    ['GitRepository', 'secretRef: {name: git}', 'Secret team/git by spec.secretRef'],
    ['GitRepository', 'proxySecretRef: {name: proxy}', 'Secret team/proxy by spec.proxySecretRef'],
    ['GitRepository', 'verify: {mode: HEAD, secretRef: {name: keys}}', 'Secret team/keys by spec.verify.secretRef'],
    ['OCIRepository', 'certSecretRef: {name: ca}', 'Secret team/ca by spec.certSecretRef'],
    ['OCIRepository', 'verify: {trustedRootSecretRef: {name: root}}', 'Secret team/root by spec.verify.trustedRootSecretRef'],
    ['OCIRepository', 'serviceAccountName: puller', 'ServiceAccount team/puller by spec.serviceAccountName'],
    ['Bucket', 'sts: {certSecretRef: {name: sts}}', 'Secret team/sts by spec.sts.certSecretRef'],
    ['HelmChart', 'verify: {secretRef: {name: cosign}}', 'Secret team/cosign by spec.verify.secretRef'],
    ['Kustomization', 'decryption: {provider: sops, secretRef: {name: sops-age}}', 'Secret team/sops-age by spec.decryption.secretRef'],
    ['Kustomization', 'decryption: {serviceAccountName: kms}', 'ServiceAccount team/kms by spec.decryption.serviceAccountName'],
    ['Kustomization', 'kubeConfig: {secretRef: {name: remote, key: value}}', 'Secret team/remote by spec.kubeConfig.secretRef'],
    ['Kustomization', 'kubeConfig: {configMapRef: {name: remote}}', 'ConfigMap team/remote by spec.kubeConfig.configMapRef'],
    [
      'Kustomization',
      'postBuild: {substituteFrom: [{kind: ConfigMap, name: vars}]}',
      'ConfigMap team/vars by spec.postBuild.substituteFrom',
    ],
    [
      'Kustomization',
      'postBuild: {substituteFrom: [{kind: Secret, name: vars, optional: true}]}',
      'Secret team/vars by spec.postBuild.substituteFrom, optional',
    ],
    ['HelmRelease', 'valuesFrom: [{kind: Secret, name: values, valuesKey: x}]', 'Secret team/values by spec.valuesFrom'],
    ['HelmRelease', 'chart: {spec: {verify: {secretRef: {name: cosign}}}}', 'Secret team/cosign by spec.chart.spec.verify.secretRef'],
    ['Provider', 'secretRef: {name: slack}', 'Secret team/slack by spec.secretRef'],
    ['Receiver', 'secretRef: {name: token}', 'Secret team/token by spec.secretRef'],
    ['ImageRepository', 'certSecretRef: {name: ca}', 'Secret team/ca by spec.certSecretRef'],
    [
      'ImageUpdateAutomation',
      'git: {commit: {signingKey: {secretRef: {name: gpg}}}}',
      'Secret team/gpg by spec.git.commit.signingKey.secretRef',
    ],
    ['FluxInstance', 'sync: {pullSecret: git}', 'Secret team/git by spec.sync.pullSecret'],
    ['FluxInstance', 'distribution: {imagePullSecret: pull}', 'Secret team/pull by spec.distribution.imagePullSecret'],
    ['FluxInstance', 'distribution: {artifactPullSecret: pull}', 'Secret team/pull by spec.distribution.artifactPullSecret'],
    ['ResourceSetInputProvider', 'secretRef: {name: token}', 'Secret team/token by spec.secretRef'],
    [
      'ResourceSet',
      'resources: [{kind: Secret, metadata: {name: copy, annotations: {fluxcd.controlplane.io/copyFrom: other/origin}}}]',
      'Secret other/origin by spec.resources[0] fluxcd.controlplane.io/copyFrom',
    ],
    [
      'Deployment',
      'template: {spec: {containers: [{envFrom: [{secretRef: {name: cloud}}]}]}}',
      'Secret team/cloud by spec.template.spec.containers[0].envFrom[0].secretRef',
    ],
    [
      'Deployment',
      'template: {spec: {containers: [{env: [{valueFrom: {secretKeyRef: {name: cloud, key: id, optional: true}}}]}]}}',
      'Secret team/cloud by spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef, optional',
    ],
    ['Deployment', 'template: {spec: {volumes: [{secret: {secretName: ca}}]}}', 'Secret team/ca by spec.template.spec.volumes[0].secret'],
    [
      'Deployment',
      'template: {spec: {volumes: [{configMap: {name: ca}}]}}',
      'ConfigMap team/ca by spec.template.spec.volumes[0].configMap',
    ],
    [
      'Deployment',
      'template: {spec: {volumes: [{projected: {sources: [{secret: {name: ca}}]}}]}}',
      'Secret team/ca by spec.template.spec.volumes[0].projected.sources[0].secret',
    ],
    [
      'Deployment',
      'template: {spec: {containers: [{args: [--sops-age-secret=sops-keys]}]}}',
      'Secret team/sops-keys by spec.template.spec.containers[0].args, optional',
    ],
    ['Deployment', 'template: {spec: {imagePullSecrets: [{name: pull}]}}', 'Secret team/pull by spec.template.spec.imagePullSecrets'],
  ])('%s with %s', (kind, spec, reference) => {
    expect(found(kind, spec)).toEqual([reference])
  })

  test('a ServiceAccount refers to its pull secrets', () => {
    const account = {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { namespace: 'team', name: 'it' },
      imagePullSecrets: [{ name: 'pull' }],
    }
    expect(referencesIn(parseObject(account)).map(({ ref }) => nameOf(ref))).toEqual(['Secret team/pull'])
  })

  test.each([
    ['a chart’s values are the chart’s own', 'HelmRelease', 'values: {auth: {secretRef: {name: theirs}}}'],
    [
      'what a ResourceSet makes is checked itself',
      'ResourceSet',
      'resources: [{kind: Kustomization, spec: {decryption: {secretRef: {name: it}}}}]',
    ],
    [
      'a name that is yet to be filled in',
      'ResourceSet',
      'resources: [{kind: Secret, metadata: {annotations: {fluxcd.controlplane.io/copyFrom: "<< inputs.ns >>/x"}}}]',
    ],
    ['no pull secret', 'FluxInstance', 'sync: {pullSecret: ""}'],
    ['a controller’s own account', 'Deployment', 'template: {spec: {serviceAccountName: source-controller}}'],
  ])('nothing: %s', (_why, kind, spec) => {
    expect(found(kind, spec)).toEqual([])
  })
})

test.each([
  ['Kustomization', 'postBuild: {substitute: {pullSecret: regcred, serviceAccountName: shop}}'],
  ['ResourceSet', 'inputs: [{tenant: shop, pullSecret: regcred, secretRef: {name: shop}}]'],
  ['ResourceSetInputProvider', 'defaultValues: {pullSecret: regcred}'],
  ['Alert', 'eventMetadata: {pullSecret: regcred}'],
  ['ImageUpdateAutomation', 'git: {commit: {messageTemplateValues: {pullSecret: regcred}}}'],
])('what people call their variables refers to nothing: %s %s', (kind, spec) => {
  expect(found(kind, spec)).toEqual([])
})
