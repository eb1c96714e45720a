import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inTurn, time, type Took } from './measure.ts'

/*
 * How long validate takes for a tree of 400 files and 99 Flux Kustomizations, in the style of a household's cluster: by hand, on an idle
 * machine, with kubectl and helm on PATH: npx zx bench/validate-tree.ts; ROUNDS says how often
 */

const apps = 98
const rounds = Number(process.env.ROUNDS ?? 5)

/** Four files for each app: its Flux Kustomization, kustomization, release and source. */
function filesOf(app: string): Record<string, string> {
  const folder = `kubernetes/apps/${app}`
  return {
    [`${folder}/ks.yaml`]: `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: ${app}, namespace: flux-system}
spec:
  interval: 1h
  path: ./${folder}/app
  prune: true
  targetNamespace: default
  postBuild: {substitute: {APP: ${app}}}
  sourceRef: {kind: GitRepository, name: flux-system}
`,
    [`${folder}/app/kustomization.yaml`]: 'resources: [helmrelease.yaml, ocirepository.yaml]\n',
    [`${folder}/app/helmrelease.yaml`]: `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: ${app}}
spec:
  interval: 1h
  chartRef: {kind: OCIRepository, name: ${app}}
  values: {controllers: {main: {containers: {main: {image: {repository: 'registry.example/\${APP}', tag: 1.0.0}}}}}}
`,
    [`${folder}/app/ocirepository.yaml`]: `apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: ${app}}
spec:
  interval: 1h
  url: oci://registry.example/charts/app-template
  layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip, operation: copy}
  ref: {tag: 4.6.2}
`,
  }
}

const names = Array.from({ length: apps }, (_, at) => `app-${at + 1}`)
const files: Record<string, string> = {
  'kubernetes/flux/cluster/ks.yaml': `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: cluster-apps, namespace: flux-system}
spec:
  interval: 1h
  path: ./kubernetes/apps
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
`,
  'kubernetes/apps/kustomization.yaml': `resources:\n${names.map((app) => `  - ${app}/ks.yaml\n`).join('')}`,
  'kubernetes/flux/sync/gotk-sync.yaml': `apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, url: https://git.example/household/cluster.git, ref: {branch: main}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 10m, path: ./kubernetes/flux/cluster, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
`,
  ...Object.assign({}, ...names.map(filesOf)),
}

const folder = mkdtempSync(join(tmpdir(), 'frb-validate-bench-'))
try {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  for (let more = Object.keys(files).length; more < 400; more++) writeFileSync(join(folder, 'kubernetes', `note-${more}.md`), 'A note.\n')
  const validate = (): Promise<Took> => time('npx', ['zx', 'scripts/validate.ts', folder], process.env)
  const took = (await inTurn({ validate }, rounds)).get('validate') ?? []
  const seconds = took.map((one) => one.seconds).sort((one, other) => one - other)
  const shown = seconds.map((one) => one.toFixed(2)).join(', ')
  console.log(`400 files, ${apps + 2} Kustomizations: ${shown} s; at most ${Math.max(...took.map((one) => one.megabytes)).toFixed(0)} MB`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
