import { expect, test } from 'vitest'
import { commandsIn } from '../../../../lib/commands/validate/shell-words.ts'

test.each([
  ['kubectl get pods # all of them', [['kubectl', 'get', 'pods']]],
  ['# only a comment', []],
  [
    'kubectl get pods | grep flux && git push; git status',
    [
      ['kubectl', 'get', 'pods'],
      ['grep', 'flux'],
      ['git', 'push'],
      ['git', 'status'],
    ],
  ],
  ['kubectl annotate x \\\n  a=b --overwrite', [['kubectl', 'annotate', 'x', 'a=b', '--overwrite']]],
  ["git commit -m 'Raise it; now' >/dev/null 2>&1", [['git', 'commit', '-m', 'Raise it; now']]],
  ['KUBECONFIG=there kubectl config view <in >out', [['kubectl', 'config', 'view']]],
  [
    'kubectl annotate x at="$(date +%s)" --overwrite',
    [
      ['date', '+%s'],
      ['kubectl', 'annotate', 'x', 'at=$(date +%s)', '--overwrite'],
    ],
  ],
  [
    'helm get values $(helm list -q) -n flux-system',
    [
      ['helm', 'list', '-q'],
      ['helm', 'get', 'values', '$(helm list -q)', '-n', 'flux-system'],
    ],
  ],
  ["kubectl get x -o jsonpath='{.items[*].metadata.name}'", [['kubectl', 'get', 'x', '-o', 'jsonpath={.items[*].metadata.name}']]],
  ['export KUBECONFIG=a#b', [['export', 'KUBECONFIG=a#b']]],
])('%s', (line, expected) => {
  expect(commandsIn(line).map(({ program, words }) => [program, ...words])).toEqual(expected)
})
