import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { addressed, inAdvice } from '../../../lib/connection/address-commands.ts'
import { flagWords, printable, sameCall, withWholeCommands } from '../../../lib/base/shell-line.ts'
import { wrap } from '../../../lib/terminal/wrap.ts'

const infra = {
  context: 'infra',
  isLab: false,
  kubectl: 'kubectl --context infra',
  kubeconfig: undefined,
  tools: { kubectl: 'kubectl', helm: 'helm', flux: 'flux' },
}
const lab = {
  context: 'lab-infra',
  isLab: true,
  kubectl: 'npx zx scripts/lab.ts kubectl --context lab-infra --',
  kubeconfig: '/lab/kubeconfig',
  tools: { kubectl: '/lab/bin/kubectl', helm: '/lab/bin/helm', flux: '/lab/bin/flux' },
}

describe('a printed command goes to the cluster of the run', () => {
  test.each([
    ['kubectl --namespace flux-system get pods', 'kubectl --context infra --namespace flux-system get pods'],
    ['kubectl delete crd a b', 'kubectl --context infra delete crd a b'],
    ['jq .object | kubectl create -f -', 'jq .object | kubectl --context infra create -f -'],
    ['flux resume kustomization shop', 'flux --context infra resume kustomization shop'],
    ['flux migrate', 'flux --context infra migrate'],
    [
      'flux --namespace flux-system create secret git a --url=b',
      'flux --context infra --namespace flux-system create secret git a --url=b',
    ],
    ['helm history shop --namespace shop', 'helm --kube-context infra history shop --namespace shop'],
    ['wait; then: kubectl wait --for=delete crd/a', 'wait; then: kubectl --context infra wait --for=delete crd/a'],
    // What names its cluster, or is not a call, is left alone.
    ['kubectl --context infra get pods', 'kubectl --context infra get pods'],
    ['npx zx scripts/lab.ts kubectl --context lab-infra -- get pods', 'npx zx scripts/lab.ts kubectl --context lab-infra -- get pods'],
    ['install kubectl 1.34: https://kubernetes.io', 'install kubectl 1.34: https://kubernetes.io'],
    ['helm show chart oci://r/c', 'helm show chart oci://r/c'],
  ])('%s', (typed, shown) => {
    expect(addressed(typed, infra)).toBe(shown)
    expect(addressed(shown, infra)).toBe(shown) // once is enough
  })
  test('in the lab to the lab, whose programs and kubeconfig are not those of the shell', () => {
    expect(addressed('kubectl get pods && flux resume ks shop', lab)).toBe(
      'npx zx scripts/lab.ts kubectl --context lab-infra -- get pods && /lab/bin/flux --kubeconfig /lab/kubeconfig --context lab-infra resume ks shop',
    )
  })
  test('of a message, only in the advice', () => {
    expect(inAdvice('flux install failed\n   → kubectl get pods', (advice) => addressed(advice, infra))).toBe(
      'flux install failed\n   → kubectl --context infra get pods',
    )
  })
})

describe('the command that was typed', () => {
  const given = { context: 'infra', identity: "/home/Jane's/key", fresh: true, yes: true }
  test('is the same again, quoted for a shell', () => {
    expect(sameCall('rebuild', given, [])).toBe("npx zx scripts/rebuild.ts --context infra --identity '/home/Jane'\\''s/key' --fresh --yes")
  })
  test('has no secret in it, should one have been typed', () => {
    expect(sameCall('capture', { context: 'infra', recipient: 'AGE-SECRET-KEY-1QQ' }, ['--yes'])).toBe(
      'npx zx scripts/capture.ts --context infra --yes',
    )
  })
  test('with more flags; what they rule out gives way', () => {
    expect(sameCall('rebuild', { ...given, identity: undefined }, ['--resume'])).toBe(
      'npx zx scripts/rebuild.ts --context infra --yes --resume',
    )
    expect(sameCall('drill', { lab: true, scenario: 'foo' }, ['--scenario', 'all'])).toBe('npx zx scripts/drill.ts --lab --scenario all')
    expect(sameCall('upgrade', { context: 'infra', resume: '' }, ['--yes', '--destroy=infra'])).toBe(
      'npx zx scripts/upgrade.ts --context infra --resume --yes --destroy=infra',
    )
  })
})

test.each([
  ['--to 2.9.5', 'again --to 2.9.5'],
  [
    '--to 2.9.5; or, if a newer operator supports it: --operator X.Y.Z',
    'again --to 2.9.5; or, if a newer operator supports it: --operator X.Y.Z',
  ],
  ['   → --operator 0.59.0', '   → again --operator 0.59.0'],
  ['if that is right: --from-other-cluster', 'if that is right: again --from-other-cluster'],
  ['--lab --context lab-apps', 'again --lab --context lab-apps'],
  ['pass the right key: --identity FILE', 'pass the right key: --identity FILE'],
  ['leave --resume out', 'leave --resume out'],
  ['install flux, then: the same command', 'install flux, then: again'],
  ['to start from its new head: the same command; or --to 2.9.5', 'to start from its new head: again; or --to 2.9.5'],
])('advice that is flags alone is shown as the whole command: %s', (advice, shown) => {
  expect(withWholeCommands(advice, (...flags) => ['again', ...flags].join(' '))).toBe(shown)
})

test('a line to be pasted has no newline of ours in it, whatever the width', () => {
  const command = printable([
    'kubectl',
    '--context',
    'infra',
    'delete',
    'crd',
    ...Array.from({ length: 9 }, (_, at) => `crd-${at}.example.com`),
  ])
  for (const line of [`  $ ${command}`, `  → ${command}`, `  ${command}`, `  npx zx scripts/rebuild.ts ${command}`]) {
    expect(wrap(line, 40)).toEqual([line])
  }
})

test('advice is broken between words, and never within a command, which stands on a line of its own where it does not fit', () => {
  expect(wrap('  → the commands above, the first probe first; or what repairs most failures: npx zx scripts/recover.ts --lab', 56)).toEqual(
    ['  → the commands above, the first probe first; or what', '    repairs most failures:', '    npx zx scripts/recover.ts --lab'],
  )
  expect(wrap('  → npx zx scripts/upgrade.ts --lab --to 2.9.5; or another version: npx zx scripts/rollback.ts --lab', 80)).toEqual([
    '  → npx zx scripts/upgrade.ts --lab --to 2.9.5;',
    '    or another version: npx zx scripts/rollback.ts --lab',
  ])
  const long = `npx zx scripts/restore.ts --context infra --from /home/jane/${'captures/'.repeat(8)}infra.age`
  expect(wrap(`To restore from it: ${long}`, 60)).toEqual(['To restore from it:', long])
  expect(wrap('  → fix it in Git; push, and then check what the flux CLI says of it', 40)).toEqual([
    '  → fix it in Git; push, and then check',
    '    what the flux CLI says of it',
  ])
})

test('no command in the code is cut short: what is meant to be pasted has no …', () => {
  const files = readdirSync('lib', { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  const cut = files.flatMap((path) =>
    readFileSync(join('lib', path), 'utf8')
      .split('\n')
      .filter((line) => !/^\s*(\/\/|\/?\*)/.test(line) && /(npx zx|kubectl|flux|helm) [^'`]*…/.test(line))
      .map((line) => `${path}: ${line.trim()}`),
  )
  expect(cut).toEqual([])
})

test('no path, address or text of others is put into a command of the code unquoted', () => {
  const files = ['lib', 'scripts', 'lab'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((name) => (name.endsWith('.ts') ? [join(folder, name)] : [])),
  )
  expect(files.flatMap((file) => unquotedIn(readFileSync(file, 'utf8')).map((found) => `${file}: ${found}`))).toEqual([])
  expect(unquotedIn('const remedy = `sops --decrypt ${path}`')).toEqual(['path'])
  expect(unquotedIn('const remedy = `sops --decrypt ${shellQuote(path)}`; await $`git ls-remote ${url}`')).toEqual([])
})

/** What template texts that hold a command put into it as it is, though it may hold blanks, quotes or `&`. A tagged template runs it. */
function unquotedIn(code: string): string[] {
  const program = /(?:^|[\s;:&|])(?:kubectl|flux|helm|git|sops|pulumi|npx zx|cd|ls|cp|timoni) (?:-|[a-z])/
  const texts = [...code.matchAll(/(?<![$)\w])`((?:[^`\\]|\\.)*)`/g)].map(([, text = '']) => text).filter((text) => program.test(text))
  const values = texts.flatMap((text) => [...text.matchAll(/\$\{([^}]*)\}/g)].map(([, value = '']) => value))
  return values.filter(
    (value) => /(path|file|folder|url|image|message|user|dir)(\(.*\))?$/i.test(value) && !/shellQuote|printable|quote\(/.test(value),
  )
}

test('flags that are remembered of a run have no secret among them', () => {
  expect(flagWords({ 'keep-namespace': true, identity: 'AGE-SECRET-KEY-1QQ', 'copy-to': '/mnt/a disk/', include: undefined })).toEqual([
    '--keep-namespace',
    '--copy-to',
    '/mnt/a disk/',
  ])
})
