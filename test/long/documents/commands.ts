import { back, both, merging, typing } from './disasters.ts'
import type { Page } from './page.ts'
import { pushOther } from './subjects.ts'

const onlyTwo = { typed: (line: string) => `${line} --sample 2`, why: 'each loss takes up to two minutes; each-loss.test.ts has them all' }
const ownFolder = {
  typed: (line: string) => line.replace('../fleet/clusters/prod', '../checkout/kubernetes/clusters/infra'),
  why: "the lab's Git has one repository, whose tree leads there",
}

export const commands: Page = {
  file: 'docs/commands.md',
  begins: 'empty',
  rules: [
    { line: /bootstrap\.ts --context infra$/, says: /Flux v2\.9\.5 manages itself on infra\./ },
    { line: /bootstrap\.ts --lab --via flux --yes/, before: back('empty'), says: /Flux v2\.9\.5 manages itself on lab-infra\./ },
    {
      line: /bootstrap\.ts --context prod --path/,
      before: back('empty'),
      instead: ownFolder,
      says: /Flux v2\.9\.5 manages itself on prod\./,
    },
    { line: /teardown\.ts --context infra$/, says: /Flux is removed from infra\./ },
    { line: /teardown\.ts --lab .*--json/, before: back('new'), says: /"residue": \[\]/ },
    { line: /rebuild\.ts --context infra --dry-run/, before: back('new'), says: /point of no return/ },
    { line: /rebuild\.ts --context infra$/, says: /✔ rebuild on infra: done/ },
    { line: /rebuild\.ts --lab .*--json/, before: back('new'), says: /"missing": 0/ },
    { line: /capture\.ts --context infra --recipient/, says: /✔ capture on infra: captured, decrypted again and compared completely/ },
    { line: /capture\.ts --context infra,apps/, says: /✔ capture: 2 of 2 clusters/ },
    { line: /restore\.ts --context infra --from/, says: /nothing to do: everything exists as captured/ },
    { line: /health-check\.ts --context infra,apps --json/, says: /"differences"/ },
    { line: /health-check\.ts .*--only sources/, says: /healthy: 2 probes, none failed/ },
    { line: /health-check\.ts .*--fix/, says: /nothing to fix/ },
    {
      line: /recover\.ts .*--from ~/,
      before: typing('npx zx scripts/capture.ts --context infra --out ~/infra.age'),
      says: /recover on infra: nothing to recover/,
    },
    {
      line: /recover\.ts .*--resume-suspended/,
      before: typing(
        'kubectl --context infra --namespace flux-system annotate fluxinstance flux fluxcd.controlplane.io/reconcile=disabled',
      ),
      says: /✔ recover on infra: done/,
    },
    { line: /upgrade\.ts --context infra --list/, before: back('old'), says: /2\.9\.5/ },
    { line: /upgrade\.ts --context infra --to 2\.9\.5$/, says: /✔ upgrade on infra: done/ },
    { line: /upgrade\.ts --context infra,apps --to/, says: /✔ upgrade: 2 of 2 clusters/ },
    {
      line: /upgrade\.ts .*--branch upgrade-flux/,
      before: back('old'),
      meanwhile: merging('upgrade-flux'),
      says: /✔ upgrade on infra: done/,
    },
    { line: /rollback\.ts --context infra$/, says: /✔ rollback on infra: done/ },
    { line: /rollback\.ts --context infra --to/, says: /✔ rollback on infra: nothing to do/ },
    { line: /drill\.ts --lab --scenario all/, before: back('new'), says: /✔ drill on lab-infra: / },
    { line: /drill\.ts --lab --scenario git-gone,flux-deleted/, before: back('new'), says: /✔ drill on lab-infra: / },
    { line: /drill\.ts --context infra .*--dry-run/, says: /1\. ✖ .*operator/ },
    { line: /drill\.ts .*--scenario each-loss --only/, before: back('new'), instead: onlyTwo, says: /✔ drill on lab-infra: / },
    { line: /fleet\.ts health-check/, before: back('old'), says: /✔ fleet health-check: / },
    { line: /fleet\.ts upgrade/, says: /✔ fleet upgrade: / },
    { line: /fleet\.ts status/, says: /Fleet upgrade, run / },
    { line: /fleet\.ts --resume --yes/, code: 2, says: /there is no|nothing is left to resume/ },
    { line: /validate\.ts --json kubernetes/, says: /"findings": \[\]/ },
    { line: /validate\.ts \.\.\/fleet --values/, says: /nothing to fix/ },
    // A Flux that is bootstrapped makes that file itself; this project's own trees have it, and nothing else is checked before.
    {
      line: /validate\.ts https.*--rules project/,
      before: pushOther,
      code: 1,
      says: /: build: clusters\/production has no kustomization\.yaml; write one/,
    },
    { line: /kubectl get events/, says: /fluxinstance\/flux +upgrade, run \S+ by / },
  ],
}

export const theFleet: Page = {
  file: 'docs/fleet.md',
  begins: 'old',
  rules: [
    { line: /fleet\.ts health-check .*--engine kubernetes/, untried: 'wants an image in a registry; test/lab/fleet-jobs.test.ts types it' },
    { line: /--on management/, untried: 'likewise' },
    { line: /fleet\.ts health-check --fleet/, says: /✔ fleet health-check: / },
    { line: /fleet\.ts upgrade .*--dry-run/, says: /upgrade/ },
    { line: /fleet\.ts upgrade .*2\.9\.5$/, says: /✔ fleet upgrade: / },
    { line: /fleet\.ts status$/, says: /Fleet (upgrade|drill), run / },
    { line: /fleet\.ts --resume( --yes)?$/, code: 2, says: /there is no|nothing is left to resume/ },
    { line: /fleet\.ts drill/, before: back('new'), says: /✔ fleet drill: / },
    { line: /lab\.ts up --clusters infra,apps,edge/, says: /✔ the lab is up: [^]*, edge \(/ },
    {
      line: /fleet\.ts health-check --lab/,
      before: both(typing("sed -i -e 's/context: /context: lab-/' ~/fleet.yaml")),
      says: /✔ fleet health-check: /,
    },
  ],
}
