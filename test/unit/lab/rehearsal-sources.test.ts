import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { branchOf, mirrorOf, placeOf } from '../../../lab/rehearsal/addresses.ts'
import { rewriteLines, rewriteManifests, type Rewriting } from '../../../lab/rehearsal/rewrite.ts'
import { randomValues } from '../../../lab/rehearsal/sops-values.ts'

const addresses = {
  registry: '127.0.0.1:5000',
  git: 'http://127.0.0.1:3000/fleet.git',
  privateGit: 'http://127.0.0.1:3000/private/fleet.git',
  standInsGit: 'http://127.0.0.1:3000/stand-ins/fleet.git',
  operatorVersion: '0.59.0',
}
const rewriting: Rewriting = {
  own: { places: new Set(['git.example/shop/fleet']), sources: new Set(['OCIRepository flux-system']) },
  addresses,
  randomly: randomValues('a secret of the lab'),
}

/** What happens to the documents of a file, and what stands in. */
function rewritten(text: string): { documents: unknown[]; standIns: string[] } {
  const found = rewriteManifests(text, 'file.yaml', rewriting)
  if (found === undefined) return { documents: [], standIns: [] }
  return {
    documents: parseAllDocuments(found.text).map((document): unknown => document.toJS()),
    standIns: found.standIns.map(({ kind, name, inPlaceOf }) => `${kind}: ${name}, in place of ${inPlaceOf}`),
  }
}

const source = (kind: string, spec: string): string =>
  `apiVersion: source.toolkit.fluxcd.io/v1\nkind: ${kind}\nmetadata: { name: one, namespace: apps }\nspec: ${spec}\n`

test.each([
  ['https://git.example/shop/fleet.git', 'git.example/shop/fleet'],
  ['ssh://git@git.example:22/shop/fleet', 'git.example/shop/fleet'],
  ['git@git.example:shop/fleet.git', 'git.example/shop/fleet'],
  ['oci://registry.example:5000/a/<< inputs.tenant >>', 'registry.example/a/<< inputs.tenant >>'],
])('%s is %s, however it is reached', (url, place) => {
  expect(placeOf(url)).toBe(place)
})

test("the operator's charts are the lab's own, everything else stands below stand-ins", () => {
  expect(mirrorOf('oci://mirror.example/x/charts/flux-operator', addresses)).toBe('oci://127.0.0.1:5000/charts/flux-operator')
  expect(mirrorOf('oci://ghcr.io/controlplaneio-fluxcd/charts', addresses)).toBe('oci://127.0.0.1:5000/charts')
  expect(mirrorOf('https://charts.example/a/', addresses)).toBe('oci://127.0.0.1:5000/stand-ins/charts.example/a')
  expect(branchOf('https://git.example/other/repo.git')).toBe('stand-ins/git.example/other/repo')
})

describe('a source', () => {
  test("of this very repository leads to the lab's Git, with a login where it had one", () => {
    const { documents, standIns } = rewritten(
      source(
        'GitRepository',
        '{ url: "https://git.example/shop/fleet", ref: { tag: v1 }, secretRef: { name: login }, verify: { mode: HEAD } }',
      ),
    )
    expect(documents).toMatchObject([
      { kind: 'GitRepository', spec: { url: addresses.privateGit, ref: { branch: 'main' }, secretRef: { name: 'login' } } },
    ])
    expect(documents[0]).not.toHaveProperty('spec.verify')
    expect(standIns).toEqual(['source: GitRepository apps/one, in place of https://git.example/shop/fleet'])
    const open = rewritten(source('GitRepository', '{ url: "ssh://git@git.example/shop/fleet" }'))
    expect(open.documents).toMatchObject([{ spec: { url: addresses.git } }])
  })

  test('of another repository leads to a branch', () => {
    const { documents } = rewritten(source('GitRepository', '{ url: "https://git.example/other", secretRef: { name: login } }'))
    expect(documents).toMatchObject([{ spec: { url: addresses.standInsGit, ref: { branch: 'stand-ins/git.example/other' } } }])
    expect(documents[0]).not.toHaveProperty('spec.secretRef')
  })

  test('of charts over HTTP becomes one of a registry, without its login', () => {
    const { documents } = rewritten(
      source('HelmRepository', '{ url: "https://charts.example/a", secretRef: { name: login }, interval: 5m }'),
    )
    expect(documents).toMatchObject([
      { spec: { type: 'oci', insecure: true, url: 'oci://127.0.0.1:5000/stand-ins/charts.example/a', interval: '5m' } },
    ])
    expect(documents[0]).not.toHaveProperty('spec.secretRef')
  })

  test.each([
    ['{ tag: "1.2.3@sha256:0123" }', { tag: '1.2.3' }],
    ['{ digest: "sha256:0123" }', { tag: 'latest' }],
    ['{ semver: ">=1" }', { semver: '>=1' }],
    ['{ tag: "${VERSION}" }', { tag: '${VERSION}' }],
  ])('of an artifact at %s is at %j, for a digest is that of the real one', (ref, expected) => {
    const { documents } = rewritten(
      source('OCIRepository', `{ url: "oci://registry.example/a", ref: ${ref}, verify: { provider: cosign } }`),
    )
    expect(documents).toMatchObject([{ spec: { url: 'oci://127.0.0.1:5000/stand-ins/registry.example/a', ref: expected, insecure: true } }])
    expect(documents[0]).not.toHaveProperty('spec.verify')
  })

  test('in the template of a ResourceSet is led too, and its inputs stay', () => {
    const inner = source('OCIRepository', '{ url: "oci://registry.example/<< inputs.tenant >>", ref: { tag: << inputs.tag >> } }')
    const { documents } = rewritten(
      `apiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSet\nspec:\n  resources:\n    - ${inner.trimEnd().replaceAll('\n', '\n      ')}\n`,
    )
    const led = { url: 'oci://127.0.0.1:5000/stand-ins/registry.example/<< inputs.tenant >>', ref: { tag: '<< inputs.tag >>' } }
    expect(documents).toMatchObject([{ spec: { resources: [{ spec: led }] } }])
  })

  test('whose address is a variable as a whole stays: it is led where that is set', () => {
    expect(rewritten(source('OCIRepository', '{ url: "${charts_registry}/flux-operator" }')).documents).toEqual([])
  })
})

test("a FluxInstance follows the lab's Git, in whatever it is written, and so does what follows its source", () => {
  const { documents } = rewritten(`apiVersion: fluxcd.controlplane.io/v1
kind: FluxInstance
spec:
  distribution: { version: 2.9.4, artifact: "oci://ghcr.io/x/flux-operator-manifests:latest", imagePullSecret: login }
  sync: { kind: OCIRepository, url: "oci://registry.example/fleet", ref: latest, path: clusters/a, pullSecret: login }
---
instance: { sync: { kind: GitRepository, url: "https://git.example/a", ref: refs/tags/v1, path: clusters/a } }
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
spec: { sourceRef: { kind: OCIRepository, name: flux-system } }
`)
  const sync = { kind: 'GitRepository', ref: 'refs/heads/main', path: 'clusters/a' }
  expect(documents).toMatchObject([
    {
      spec: {
        distribution: { version: '2.9.4', artifact: 'oci://127.0.0.1:5000/flux-operator-manifests:v0.59.0' },
        sync: { ...sync, url: addresses.privateGit },
      },
    },
    { instance: { sync: { ...sync, url: addresses.git } } },
    { spec: { sourceRef: { kind: 'GitRepository', name: 'flux-system' } } },
  ])
  expect(documents[0]).not.toHaveProperty('spec.distribution.imagePullSecret')
})

describe('what SOPS has encrypted', () => {
  const secret = `apiVersion: v1
kind: Secret
metadata: { name: login }
data: { a: "ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]" }
stringData: { b: "ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]", c: plain }
sops: { mac: "ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]" }
`
  test('gets random values under the same keys, the same each time in one lab and others in another', () => {
    const { documents, standIns } = rewritten(secret)
    expect(documents).toEqual([
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'login' },
        data: { a: expect.stringMatching(/^eD[\w+/]+=*$/) },
        stringData: { b: expect.stringMatching(/^x[0-9a-f]{24}$/), c: 'plain' },
      },
    ])
    expect(standIns).toEqual(['secret: Secret login, in place of the values that SOPS has encrypted in file.yaml'])
    expect(rewritten(secret).documents).toEqual(documents)
    const elsewhere = rewriteManifests(secret, 'file.yaml', { ...rewriting, randomly: randomValues('of another lab') })
    expect(parse(elsewhere?.text ?? '')).not.toEqual(documents[0])
  })

  test('keeps the types of its values, and the form that a pull Secret must have', () => {
    const { documents } = rewritten(`kind: Secret
type: kubernetes.io/dockerconfigjson
stringData: { .dockerconfigjson: "ENC[AES256_GCM,data:eA==,type:str]" }
more: { count: "ENC[AES256_GCM,data:eA==,type:int]", on: "ENC[AES256_GCM,data:eA==,type:bool]" }
sops: {}
`)
    expect(documents).toMatchObject([{ stringData: { '.dockerconfigjson': '{"auths":{}}' }, more: { count: 1, on: true } }])
  })

  test('line by line is replaced likewise', () => {
    const found = rewriteLines('A=ENC[AES256_GCM,data:eA==,type:str]\nB=plain\nsops_mac=ENC[AES256_GCM,data:eA==]\n', 'a.env', rewriting)
    expect(found?.text).toMatch(/^A=x[0-9a-f]{24}\nB=plain\n$/)
    expect(rewriteLines('A=plain\n', 'a.env', rewriting)).toBeUndefined()
  })

  test('is decrypted by nobody any more: no Kustomization and no patch asks for the key', () => {
    const { documents } = rewritten(`apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
spec:
  decryption: { provider: sops }
  patches:
    - patch: |
        kind: Kustomization
        spec: { decryption: { provider: sops }, wait: true }
    - patch: |
        - { op: add, path: /spec/decryption, value: { provider: sops } }
        - { op: add, path: /spec/wait, value: true }
`)
    const patches = [{ patch: 'kind: Kustomization\nspec: { wait: true }\n' }, { patch: '- { op: add, path: /spec/wait, value: true }\n' }]
    expect(documents).toEqual([{ apiVersion: 'kustomize.toolkit.fluxcd.io/v1', kind: 'Kustomization', spec: { patches } }])
  })
})

test('a HelmRelease takes values of objects that are nowhere if they are there', () => {
  const { documents } = rewritten(`apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
spec: { valuesFrom: [{ kind: Secret, name: values }], chart: { spec: { chart: a, verify: { provider: cosign } } } }
`)
  expect(documents).toMatchObject([
    { spec: { valuesFrom: [{ kind: 'Secret', name: 'values', optional: true }], chart: { spec: { chart: 'a' } } } },
  ])
  expect(documents[0]).not.toHaveProperty('spec.chart.spec.verify')
})

test('a file in which nothing leads outside stays as it is, and so does what is not YAML', () => {
  expect(rewriteManifests('a:   1 # why\n', 'file.yaml', rewriting)).toBeUndefined()
  expect(rewriteManifests('a: {{ .Values.b }}: }\n', 'file.yaml', rewriting)).toBeUndefined()
})
