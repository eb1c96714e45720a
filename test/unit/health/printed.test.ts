import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { withoutLogPrefix } from '../../../lib/commands/validate/builds.ts'
import { checkSettings } from '../../../lib/commands/validate/settings-form.ts'
import { readSource } from '../../../lib/commands/validate/source.ts'
import { commandFor } from '../../../lib/commands/restore/steps.ts'
import { shownLines } from '../../../lib/commands/upgrade/steps/git-versions.ts'
import { kindArgument, kinds } from '../../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { checkLabPushed } from '../../../lib/preflight/git-state.ts'
import { projectRoot } from '../../../lib/base/paths.ts'
import { showProbes } from '../../../lib/health/print.ts'
import { overallVerdict, verdictOf } from '../../../lib/runner/verdict.ts'
import { recordingConsole } from '../../recording-console.ts'

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'frb-printed-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

test('the command that restores names the identity that opens the capture, and none where a passphrase does', () => {
  expect(commandFor('/b/infra.age', '/k/my key.txt', ['named'])).toMatch(
    /^age --decrypt --identity '\/k\/my key\.txt' \/b\/infra\.age \| gunzip/,
  )
  expect(commandFor('/b/infra.age', undefined, ['named'])).toMatch(/^age --decrypt \/b\/infra\.age \| gunzip/)
})

test('a version that Git has already is named, where no line of it is to change', () => {
  expect(shownLines({}, { flux_version: '2.9.5' })).toBe('flux_version 2.9.5')
  expect(shownLines({ flux_version: '2.9.4' }, { flux_version: '2.9.5' })).toBe('flux_version 2.9.4')
})

test('a kind is named with its group, unless it is one of Kubernetes itself', () => {
  expect([kinds.secret, kinds.deployment, fluxKinds.kustomization].map(kindArgument)).toEqual([
    'secret',
    'deployment',
    'kustomization.kustomize.toolkit.fluxcd.io',
  ])
})

test("what kubectl logs in klog's form is its error alone", () => {
  expect(withoutLogPrefix('E1128 10:00:00.123456   4711 run.go:72] "command failed" err="no \\"x\\" here"')).toBe('no "x" here')
  expect(withoutLogPrefix('error: no such file')).toBe('error: no such file')
})

const settings = (version: string, ref = 'refs/heads/main'): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: flux-settings}\ndata:\n  flux_version: "${version}"\n  git_ref: "${ref}"\n`

test('the value of a setting in another form than its comment says is a mistake, on its line', async () => {
  const root = folderWith({ 'settings.yaml': settings('2.9.5', 'main') })
  const { source } = await readSource(root, 'settings.yaml')
  expect(checkSettings(source)).toEqual([
    {
      file: 'settings.yaml',
      line: 6,
      rule: 'settings',
      message: 'git_ref is "main"',
      remedy: expect.stringContaining('refs/heads/BRANCH'),
    },
  ])
  const { source: own } = await readSource(projectRoot, 'kubernetes/clusters/infra/settings.yaml')
  expect(checkSettings(own)).toEqual([])
})

test("what a push to the lab's Git would change is said", async () => {
  const file = 'kubernetes/clusters/infra/settings.yaml'
  const [root, checkout] = [folderWith({ [file]: settings('2.9.4') }), folderWith({ [file]: settings('2.9.5') })]
  expect(await checkLabPushed(root, checkout, {})).toMatchObject([
    { remedy: 'a push would change flux_version 2.9.5 to 2.9.4 there; if that is meant: npx zx scripts/lab.ts push' },
  ])
})

test('a probe that does not apply has no ✔; one that failed says what is next, and what is next for all is said once', () => {
  const { console, lines } = recordingConsole()
  const next = 'npx zx scripts/health-check.ts --context infra --fix'
  showProbes(
    console,
    [
      { id: 'alerts', title: 'Alerts', state: 'ok', applies: false, detail: 'not checked' },
      { id: 'revision', title: 'Revision', state: 'unknown', detail: 'the check failed: no network', next: 'git ls-remote' },
      {
        id: 'managers',
        title: 'Field managers',
        state: 'fail',
        detail: '2 objects',
        objects: ['a', 'b'].map((object) => ({ object, reason: 'is owned', next })),
      },
    ],
    0,
  )
  expect(lines).toEqual([
    '– Alerts: not checked',
    '✗ Revision: the check failed: no network',
    '    → git ls-remote',
    '✗ Field managers: 2 objects',
    '    a: is owned',
    '    b: is owned',
    `    → ${next}`,
  ])
})

test('one line says how a run ended, and one more how several clusters did, those too that were not started', () => {
  const document = {
    schemaVersion: 1,
    script: 'health-check',
    context: 'infra',
    runId: '',
    startedAt: '2026-11-29T00:00:00Z',
    finishedAt: '2026-11-29T00:00:12Z',
    outcome: 'done',
    exitCode: 0,
    operator: '',
    server: '',
  } as const
  expect(verdictOf(document, undefined)).toBe('health-check on infra: done (12 s)')
  const attempt = (startedAt: string, finishedAt: string) => ({ startedAt, finishedAt, steps: [] })
  const attempts = [attempt('2026-01-01T00:00:00Z', '2026-01-01T00:00:02Z'), attempt('2026-01-01T08:00:00Z', '2026-01-01T08:00:03Z')]
  expect(verdictOf({ ...document, attempts }, undefined)).toBe('health-check on infra: done (5.0 s in 2 attempts)')
  expect(verdictOf({ ...document, outcome: 'unchanged' }, 'nothing to do: all is there')).toBe(
    'health-check on infra: nothing to do: all is there (12 s)',
  )
  const failed = { ...document, outcome: 'failed', exitCode: 1 } as const
  expect(overallVerdict([document, failed], ['infra', 'apps', 'edge'])).toEqual({
    succeeded: false,
    text: 'health-check: 1 of 3 clusters: infra done, apps failed, edge not begun',
  })
})
