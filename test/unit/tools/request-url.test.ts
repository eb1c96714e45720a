import { expect, test } from 'vitest'
import { requestUrl } from '../../../lib/tools/pull-request-url.ts'

test.each([
  ['https://github.com/acme/fleet.git', 'https://github.com/acme/fleet/compare/main...up?expand=1'],
  ['git@github.com:acme/fleet.git', 'https://github.com/acme/fleet/compare/main...up?expand=1'],
  ['ssh://git@github.acme.com:22/acme/fleet', 'https://github.acme.com/acme/fleet/compare/main...up?expand=1'],
  [
    'https://gitlab.com/acme/platform/fleet.git/',
    'https://gitlab.com/acme/platform/fleet/-/merge_requests/new?merge_request%5Bsource_branch%5D=up&merge_request%5Btarget_branch%5D=main',
  ],
  ['https://gitea.acme.com/ops/fleet.git', 'https://gitea.acme.com/ops/fleet/compare/main...up'],
  ['https://codeberg.org/ops/fleet', 'https://codeberg.org/ops/fleet/compare/main...up'],
  ['https://bitbucket.org/ops/fleet.git', 'https://bitbucket.org/ops/fleet/pull-requests/new?source=up&dest=main'],
  ['http://127.0.0.1:38147/private/fleet.git', undefined],
  ['/srv/git/fleet.git', undefined],
])('a request for a branch of %s is opened at %s', (url, expected) => {
  expect(requestUrl(url, 'up', 'main')).toBe(expected)
})
