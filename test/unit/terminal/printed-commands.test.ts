import { describe, expect, inject, test } from 'vitest'
import { ambiguousCalls } from '../../ambiguous-calls.ts'
import { refusedCalls } from '../../own-calls.ts'
import { misread, printedCommands } from '../../printed-commands.ts'

describe('what is printed to be pasted', () => {
  test('is found behind $ and in advice, without the words around it', () => {
    const output = [
      '► Step 1/7: Delete',
      '  $ kubectl delete crd a b',
      '✗ it failed',
      '  → to continue from here: npx zx scripts/upgrade.ts --lab --resume',
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

test.each([
  ['$ kubectl describe HelmRelease shop --namespace shop', 'names the kind HelmRelease without its group'],
  ['$ npx zx scripts/lab.ts kubectl --context lab-infra -- describe deployment shop', 'names no namespace'],
  ['$ kubectl --namespace shop describe helmrelease.helm.toolkit.fluxcd.io shop', undefined],
  ['$ kubectl delete crd helmcharts.source.toolkit.fluxcd.io', undefined],
  ['$ kubectl get --raw /version', undefined],
])('a call that may find another object is found: %s', (line, said) => {
  const found = ambiguousCalls(printedCommands(line)).join()
  if (said === undefined) expect(found).toBe('')
  else expect(found).toContain(said)
})

test.each([
  ['$ npx zx scripts/upgrade.ts --lab --to X.Y.Z', undefined],
  ['$ npx zx scripts/upgrade.ts --lab --too 2.9.5', 'there is no flag --too; did you mean --to?'],
  ['$ npx zx scripts/upgrade.ts --lab --to', '--to needs a value'],
  ['$ npx zx scripts/fleet.ts upgrade --fleet fleet.yaml --to 2.9.5', undefined],
  ['$ npx zx scripts/fleet.ts upgrade --context infra', 'there is no flag --context'],
  ['$ npx zx scripts/lab.ts fault list', undefined],
  ['$ npx zx scripts/lab.ts upp', 'there is no command "upp"'],
  ['$ flux-runbook recover --context infra --resume-suspended FluxInstance/flux-system/flux', undefined],
  ['$ npx zx scripts/capture.ts --lab now', '"now" is not a flag'],
])('a call of our own that would be refused is found: %s', (line, said) => {
  const found = refusedCalls(printedCommands(line), inject('helpPages')).join()
  if (said === undefined) expect(found).toBe('')
  else expect(found).toContain(said)
})
