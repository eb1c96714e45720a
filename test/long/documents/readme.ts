import type { Page } from './page.ts'

export const readme: Page = {
  file: 'README.md',
  begins: 'empty',
  rules: [
    {
      line: /^npm start/,
      before: async (desk) => void (await desk.done('npx zx scripts/lab.ts down')),
      says: /Flux v2\.9\.5 manages itself on lab-infra\.[^]*✔ bootstrap on lab-infra: done/,
    },
    { line: /^npm test/, untried: 'runs every test of the lab, for hours on two cores: what runs this page runs them' },
    { line: /lab\.ts up --clusters infra,apps/, says: /✔ the lab is up: infra \(.*\), apps \(.*\)/ },
    { line: /bootstrap\.ts --lab --context lab-apps/, says: /Flux v2\.9\.5 manages itself on lab-apps\./ },
    { line: /lab\.ts kubectl/, says: /flux-system +source-controller-\S+ +1\/1 +Running/ },
    { line: /lab\.ts push/, says: /the lab's Git/ },
    { line: /lab\.ts status/, says: /Stand-ins, held Ready/ },
    { line: /lab\.ts snapshot before/, says: /kept as "before"/ },
    { line: /lab\.ts fault set/, says: /✔ partition=flux-operator is set/ },
    { line: /lab\.ts fault clear/, says: /✔ / },
    { line: /lab\.ts reset before/, says: /as they were at "before"/ },
    { line: /lab\.ts wipe/, says: /is an empty cluster now/ },
    { line: /lab\.ts down/, says: /✔ the lab is down/ },
    { line: /lab\.ts up --flux 2\.9\.4,2\.7\.0/, says: /✔ the lab is up: infra \(/ },
    { line: /bootstrap\.ts --context infra --dry-run/, isAnew: true, says: /Plan for infra \(\S+, not the local test lab\)/ },
    { line: /bootstrap\.ts --context infra$/, says: /Flux v2\.9\.5 manages itself on infra\./ },
    { line: /bootstrap\.ts --context infra --yes --json/, says: /"outcome": "unchanged"/ },
    { line: /^npm pack/, says: /flux-runbook-0\.1\.0\.tgz/ },
    { line: /^npm install --global/, says: /added 1 package/ },
    { line: /^flux-runbook health-check/, says: /✔ health-check on infra: healthy/ },
    { line: /^flux-runbook bootstrap --lab --yes/, says: /✔ bootstrap on lab-infra: nothing to do/ },
  ],
}
