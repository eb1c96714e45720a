import { describe, expect, test } from 'vitest'
import { misread, printedCommands } from '../../lab/printed-commands.ts'

describe('what is printed to be pasted', () => {
  test('is found behind $ and in advice, without the words around it', () => {
    const output = [
      '► Step 1/7: Delete',
      '  $ kubectl delete crd a b',
      '✗ it failed',
      '  → to go on from here: npx zx scripts/upgrade.ts --lab --resume',
      '  → find out why, fix it, then: npx zx scripts/upgrade.ts --lab --to 2.9.5; or choose another version: npx zx scripts/rollback.ts --lab',
      '  → npx zx scripts/health-check.ts --lab   # reports all of it',
      '  → merge it, then: npx zx scripts/upgrade.ts --lab --resume',
      '  → /lab/bin/flux --context lab-infra resume kustomization shop',
      '  → the flux CLI says more',
    ]
    expect(printedCommands(output.join('\n'))).toEqual([
      'kubectl delete crd a b',
      'npx zx scripts/upgrade.ts --lab --resume',
      'npx zx scripts/upgrade.ts --lab --to 2.9.5',
      'npx zx scripts/rollback.ts --lab',
      'npx zx scripts/health-check.ts --lab',
      '/lab/bin/flux --context lab-infra resume kustomization shop',
    ])
  })

  test.each([
    "$ npx zx scripts/restore.ts --from '/home/my runs/c.age'",
    '$ kubectl patch fluxinstance flux --type=merge --patch \'{"spec":{"suspend":false}}\'',
    '$ jq .object | kubectl create -f -',
    '$ kubectl annotate fluxinstance flux a="$(date +%s)" --overwrite',
    "$ echo 'a'\\''b'",
    '$ pulumi up   # in the folder of the program (that has Flux)',
  ])('is read as it is meant: %s', (line) => {
    expect(misread(line)).toEqual([])
  })

  test.each([
    ["$ git commit -m 'it's'", 'no command'],
    ['$ restore --from "a" (b)', 'no command'],
    ['$ kubectl get pods # of shop (all', undefined],
  ])('is reported where it is not: %s', (line, said) => {
    const found = misread(line)
    if (said === undefined) expect(found).toEqual([])
    else expect(found.join()).toContain(said)
  })
})
