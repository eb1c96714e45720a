import {
  accountDeleted,
  allDeploymentsDeleted,
  back,
  both,
  controllersDeleted,
  namespaceGoing,
  namespaceWithLogin,
  operatorDeleted,
  typing,
} from './disasters.ts'
import type { Page } from './page.ts'

const controllers = '### 1. Controllers deleted'
const operator = '### 2. Operator deleted'
const part = '### 5. A single part lost'

export const selfManagement: Page = {
  file: 'docs/runbooks/flux-self-management.md',
  begins: 'new',
  rules: [
    { line: /config use-context/, says: /Switched to context "infra"/ },
    { line: /config current-context/, says: /^infra$/m },
    { line: /bootstrap\.ts (--context infra|--lab)( --dry-run)?$/, says: /nothing (to do: everything is as Git says|would be changed)/ },
    { line: /^flux install/, before: both(back('empty'), namespaceWithLogin), says: /✔ install finished/ },
    { line: /^flux create source git/, says: /✔ GitRepository source reconciliation completed/ },
    { line: /^flux create kustomization/, says: /✔ Kustomization flux-system is ready/ },
    { line: /upgrade\.ts .*--dry-run/, before: back('old'), says: /Change the version in Git/ },
    { line: /upgrade\.ts --context infra --to 2\.9\.5$/, says: /✔ upgrade on infra: done/ },
    { line: /upgrade\.ts --context infra,apps/, says: /✔ upgrade: 2 of 2 clusters/ },
    { line: /rollback\.ts --context infra$/, says: /✔ rollback on infra: done/ },
    { line: /rollback\.ts --context infra --to/, says: /✔ rollback on infra: nothing to do/ },
    { line: /rebuild\.ts --context infra --dry-run/, before: back('new'), says: /point of no return/ },
    { line: /rebuild\.ts --context infra$/, says: /✔ rebuild on infra: done/ },
    {
      line: /drill\.ts --lab --scenario all/,
      instead: { typed: (line) => `${line} --dry-run`, why: 'a quarter of an hour; docs/commands.md has the same line' },
      says: /The whole cluster lost/,
    },
    { line: /capture\.ts --context infra --out/, says: /✔ capture on infra: captured/ },
    // The operator may have been quicker.
    {
      line: /recover\.ts/,
      under: controllers,
      before: controllersDeleted,
      says: /✔ recover on infra: (done|nothing to recover: Flux is healthy)/,
    },
    { line: /annotate/, under: controllers, before: controllersDeleted, says: /annotated/ },
    { line: /recover\.ts/, under: operator, before: operatorDeleted, says: /✔ recover on infra: / },
    { line: /annotate/, under: operator, before: operatorDeleted, says: /annotated/ },
    { line: /helm pull/, under: operator, before: allDeploymentsDeleted, says: /Digest: sha256:/ },
    { line: /helm template/, says: /flux-operator serverside-applied/ },
    { line: /get namespace flux-system --output/, before: back('new'), says: /^\s*$/m },
    { line: /scale deployment --all/, says: /source-controller scaled/ },
    { line: /recover\.ts .*infra\.age --identity ~\/keys\/capture\.txt$/, before: namespaceGoing, says: /✔ recover on infra: done/ },
    {
      line: /recover\.ts .*--new-cluster/,
      before: typing('npx zx scripts/lab.ts wipe --context lab-infra'),
      says: /✔ recover on infra: done/,
    },
    { line: /health-check\.ts --context infra$/, under: part, says: /✔ health-check on infra: healthy/ },
    { line: /recover\.ts/, under: part, before: accountDeleted, says: /✔ recover on infra: / },
    { line: /annotate fluxinstance/, under: part, before: accountDeleted, says: /annotated/ },
    { line: /webhookconfigurations/, says: /No resources found/ },
    { line: /get resourcequotas/, says: /serviceaccount\/source-controller/ },
    { line: /get clusterroles/, says: /clusterrolebinding\.rbac\.authorization\.k8s\.io\/\S*flux/ },
    { line: /get namespace flux-system --show-labels/, says: /flux-system +Active/ },
    { line: /kubectl get nodes$/, says: /\bReady\b/ },
    { line: /kubectl get apiservices$/, says: /v1\.apps +Local +True/ },
    { line: /get fluxinstances --all-namespaces/, says: /flux-system +flux/ },
    { line: /get secrets --selector owner=helm/, says: /sh\.helm\.release\.v1\.flux-operator\.v\d/ },
    { line: /git log/, says: /^commit [0-9a-f]{40}/m },
    { line: /--only operator,controllers/, says: /healthy: 2 probes, none failed/ },
    { line: /set resources/, says: /resource requirements updated/ },
  ],
  elsewhere: {
    '### Bootstrap by hand': 'test/lab/runbook.test.ts',
    '### Upgrade by hand': 'test/long/operator-by-hand.test.ts',
    '### Rollback by hand': 'test/long/minor-by-hand.test.ts',
  },
}
