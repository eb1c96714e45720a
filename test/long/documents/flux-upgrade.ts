import { back, both, merging, stopped } from './disasters.ts'
import type { Page } from './page.ts'

export const fluxRebuild: Page = {
  file: 'docs/runbooks/flux-rebuild.md',
  begins: 'new',
  rules: [
    {
      line: /rebuild\.ts --context infra$/,
      stopAt: /✔ Delete the objects of Flux/,
      code: 130,
      says: /--resume/,
    },
    { line: /rebuild\.ts --context infra --resume/, says: /✔ rebuild on infra: done/ },
  ],
}

export const fluxUpgrade: Page = {
  file: 'docs/runbooks/flux-upgrade.md',
  begins: 'old',
  rules: [
    { line: /upgrade\.ts --context infra --to 2\.9\.5 --dry-run/, says: /Change the version in Git/ },
    { line: /upgrade\.ts --context infra --to 2\.9\.5$/, says: /✔ upgrade on infra: done/ },
    { line: /upgrade\.ts --context infra,apps/, says: /✔ upgrade: 2 of 2 clusters/ },
    { line: /--branch upgrade-flux/, before: back('old'), meanwhile: merging('upgrade-flux'), says: /✔ upgrade on infra: done/ },
    { line: /--operator 0\.59\.0/, says: /✔ upgrade on infra: nothing to do/ },
    { line: /rollback\.ts --context infra$/, says: /✔ rollback on infra: done/ },
    { line: /rollback\.ts --context infra --to/, says: /✔ rollback on infra: nothing to do/ },
    {
      line: /upgrade\.ts --context infra --resume/,
      before: both(back('old'), stopped('npx zx scripts/upgrade.ts --context infra --to 2.9.5 --yes', /✔ Change the version/)),
      says: /✔ upgrade on infra: done/,
    },
  ],
  elsewhere: { '### By hand': 'test/lab/upgrade-by-hand.test.ts' },
}
