import { OperatorError } from '../../../../lib/base/errors.ts'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { reportDrill } from '../../../../lib/commands/drill/drill.ts'
import { verifyDrillFlags } from '../../../../lib/commands/drill/verify-flags.ts'
import { drawReport } from '../../../../lib/commands/drill/html-report.ts'
import type { DrillOutcome } from '../../../../lib/commands/drill/outcome.ts'
import { type RehearsalEnvironment, rehearse } from '../../../../lib/commands/drill/rehearse.ts'
import type { Scenario } from '../../../../lib/commands/drill/scenario.ts'
import { chooseScenarios, scenarios } from '../../../../lib/commands/drill/faults/scenarios.ts'
import { drawTimeline } from '../../../../lib/commands/drill/timeline.ts'
import { projectRoot } from '../../../../lib/base/paths.ts'
import type { Cluster } from '../../../../lib/kubernetes/client.ts'
import { nameOf, parseObject } from '../../../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import { clusterOf } from '../../fake-cluster.ts'
import type { Fingerprint } from '../../../../lib/continuity/fingerprint.ts'

const scenario: Scenario = { name: 'x', title: 'X happened', injects: 'does x', objectiveMs: 60_000, inject: () => Promise.resolve() }
const tracked = { name: 'Deployment shop/cart', uid: 'one', generation: 1, isOwned: false, isPassing: false, restarts: 0 }

/** A cluster that breaks on the fault and is healthy again when repaired; says what happened there, in order. */
function place(options: { repair?: () => void; after?: Fingerprint } = {}): { environment: RehearsalEnvironment; story: string[] } {
  const story: string[] = []
  let problem: string | undefined
  let isBroken = false
  return {
    story,
    environment: {
      problem: () => Promise.resolve(problem),
      fingerprint: () => Promise.resolve(isBroken ? (options.after ?? [tracked]) : [tracked]),
      inject: () => {
        problem = 'controllers: helm-controller 0/1'
        isBroken = true
        return Promise.resolve(void story.push('inject'))
      },
      undo: () => Promise.resolve(void story.push('undo')),
      cleanUp: () => Promise.resolve(void story.push('clean up')),
      repair: () => {
        story.push('repair')
        options.repair?.()
        problem = undefined
        return Promise.resolve()
      },
      commitApplied: () => Promise.resolve(void story.push('commit')),
      progress: (text) => void story.push(text),
      signal: new AbortController().signal,
      timeout: 1000,
    },
  }
}

describe('a rehearsal', () => {
  test('notices, fixes, and is over when a new commit is applied', async () => {
    const { environment, story } = place()
    const outcome = await rehearse(scenario, 60_000, environment)
    expect(story).toEqual([
      'does x',
      'inject',
      'noticed: controllers: helm-controller 0/1',
      'undo',
      'repair',
      'waiting until all is healthy and a new commit is applied',
      'commit',
      'clean up',
    ])
    expect(outcome).toMatchObject({ name: 'x', met: true, mendedBy: 'recover.ts', survival: { checked: 1, changed: 0, missing: 0 } })
    expect(outcome.detectedMs).toBeLessThanOrEqual(outcome.recoveredMs ?? -1)
  })
  test('that nobody notices within --timeout continues to its remedy', async () => {
    const { environment, story } = place()
    const outcome = await rehearse(scenario, 60_000, { ...environment, timeout: 20, problem: () => Promise.resolve(undefined) })
    expect(outcome).toMatchObject({ detectedMs: undefined, met: true })
    expect(story).toContain('repair')
  })
  test('that takes longer than its objective has not met it', async () => {
    expect(await rehearse(scenario, -1, place().environment)).toMatchObject({ met: false, recoveredMs: expect.any(Number) })
  })
  test('whose remedy fails says why, and has not recovered', async () => {
    const { environment, story } = place({
      repair: () => {
        throw new Error('recover.ts ended with 1')
      },
    })
    expect(await rehearse(scenario, 60_000, environment)).toMatchObject({
      met: false,
      recoveredMs: undefined,
      mendedBy: 'nobody',
      failure: 'recover.ts ended with 1',
    })
    expect(story.slice(-2)).toEqual(['undo', 'clean up'])
  })
  test('that is cancelled ends what the lab was made to suffer, and has no outcome', async () => {
    const cancel = new AbortController()
    const { environment, story } = place({
      repair: () => {
        cancel.abort()
        throw new Error('recover.ts was interrupted')
      },
    })
    await expect(rehearse(scenario, 60_000, { ...environment, signal: cancel.signal })).rejects.toThrow('aborted')
    expect(story.slice(-3)).toEqual(['repair', 'undo', 'clean up'])
  })
  test('whose cause someone ends while it is fixed does not end it before', async () => {
    const { environment, story } = place()
    await rehearse({ ...scenario, undoOnce: { watches: [], isSo: () => Promise.resolve(true) } }, 60_000, environment)
    expect(story).not.toContain('undo')
  })
  test('that cannot be cleaned up after says so', async () => {
    const { environment } = place()
    const cleanUp = (): Promise<void> => Promise.reject(new Error('HelmRelease x does not go away'))
    expect(await rehearse(scenario, 60_000, { ...environment, cleanUp })).toMatchObject({
      met: false,
      failure: 'HelmRelease x does not go away',
    })
  })
  test('that a workload did not survive has not met its objective, and names it', async () => {
    const outcome = await rehearse(scenario, 60_000, place({ after: [{ ...tracked, uid: 'two' }] }).environment)
    expect(outcome).toMatchObject({
      met: false,
      survival: { checked: 1, changed: 1, missing: 0 },
      failure: 'did not survive: Deployment shop/cart',
    })
  })
  test('of a total loss compares nothing: the cluster is a new one', async () => {
    const outcome = await rehearse({ ...scenario, isTotal: true }, 60_000, place({ after: [] }).environment)
    expect(outcome).toMatchObject({ met: true, survival: { checked: 0, changed: 0, missing: 0 } })
  })
})

describe('the scenarios', () => {
  const again = (...flags: readonly string[]): string => ['drill.ts --lab', ...flags].join(' ')
  const lab = { isLab: true, isOperators: true, hasFolder: true, hasSettings: true, hasInstaller: true }
  test('of a real cluster leave out what only the lab can bring about', () => {
    expect(chooseScenarios('all', again, lab)).toEqual(scenarios)
    expect(chooseScenarios('all', again, { ...lab, isLab: false }).some(({ isLabOnly }) => isLabOnly)).toBe(false)
    expect(() => chooseScenarios('cluster-emptied', again, { ...lab, isLab: false })).toThrow(
      'the scenario cluster-emptied is possible only in the lab',
    )
  })
  test('of any cluster leave out what recover.ts could not repair there', () => {
    const names = (environment: Partial<typeof lab>): string[] =>
      chooseScenarios('all', again, { ...lab, isLab: false, hasFolder: false, ...environment }).map(({ name }) => name)
    expect(names({})).toEqual(['controllers-deleted', 'instance-suspended'])
    expect(names({ isOperators: false })).toEqual(['controllers-deleted'])
    expect(() => names({ isOperators: false, hasInstaller: false })).toThrow('no disaster can be rehearsed on this cluster')
    expect(() => chooseScenarios('upgrade-broken', again, { ...lab, hasSettings: false })).toThrow(
      "upgrade-broken changes the cluster's settings.yaml, which a tree of another layout does not have",
    )
    expect(() => chooseScenarios('flux-deleted', again, { ...lab, hasFolder: false })).toThrow(
      'the scenario flux-deleted is repaired from Git, and there is no folder below kubernetes/clusters for this cluster',
    )
    expect(() => chooseScenarios('operator-deleted', again, { ...lab, isOperators: false })).toThrow(
      'needs an operator, and this cluster has none',
    )
  })
  test('are those that the document lists, with their objectives', () => {
    const rows = readFileSync(join(projectRoot, 'docs', 'drill.md'), 'utf8').matchAll(
      /^\| `([a-z-]+)` \|.*\| (\d+) m \| (anywhere|the lab) \|$/gm,
    )
    const listed = [...rows].map(([, name, minutes, where]) => [name, Number(minutes) * 60_000, where])
    expect(listed).toEqual(
      scenarios.map(({ name, objectiveMs, isLabOnly }) => [name, objectiveMs, isLabOnly === true ? 'the lab' : 'anywhere']),
    )
  })
  test('are named strictly', () => {
    expect(chooseScenarios('operator-deleted,git-gone', again, lab).map(({ name }) => name)).toEqual(['operator-deleted', 'git-gone'])
    expect(() => chooseScenarios('operator-delete', again, lab)).toThrow(
      'there is no scenario "operator-delete"; did you mean operator-deleted?',
    )
    expect(() => chooseScenarios('foo', again, lab)).toThrow(/^there is no scenario "foo"; there are controllers-deleted, /)
  })
  test('a name that is wrong, or too many, has the whole right command as its remedy', () => {
    const remedy = (wanted: string): unknown => {
      try {
        return chooseScenarios(wanted, again, lab)
      } catch (thrown) {
        return thrown instanceof OperatorError ? thrown.remedy : thrown
      }
    }
    expect(remedy('git-gone,operator-delete')).toBe('drill.ts --lab --scenario git-gone,operator-deleted')
    expect(remedy('git-gone,all')).toBe('drill.ts --lab --scenario all')
  })
})

const outcome: DrillOutcome = {
  name: 'git-gone',
  title: 'Git <gone> & back',
  struckAt: '2026-11-01T00:00:00.000Z',
  detectedMs: 30_000,
  recoveredMs: 60_000,
  objectiveMs: 120_000,
  met: true,
  mendedBy: 'recover.ts',
  survival: { checked: 3, changed: 0, missing: 0 },
}

describe('the timeline', () => {
  test('shows detection and recovery to scale, against the objective', () => {
    const widths = [...drawTimeline(outcome).matchAll(/<rect class="(\w+)" x="([\d.]+)" y="8" width="([\d.]+)"/g)].map(
      ([, kind, x, width]) => [kind, Number(x), Number(width)],
    )
    // 640 wide for 122.4 s, the objective and a little more.
    expect(widths).toEqual([
      ['unnoticed', 0, 156.9],
      ['fixing', 156.9, expect.closeTo(156.8, 5)],
    ])
    expect(drawTimeline(outcome)).toContain('aria-label="Git &lt;gone&gt; &amp; back: recovered after 1 m 00 s, objective 2 m 00 s"')
  })
  test('of what was never fixed runs on to the end', () => {
    const { recoveredMs: _, ...lost } = outcome
    expect(drawTimeline({ ...lost, recoveredMs: undefined })).toMatch(/<rect class="lost" x="156.9" y="8" width="483.1"/)
  })
})

test('the report says of a disaster that nobody noticed that it was not, and leaves no cell empty', () => {
  const table = reportDrill([outcome, { ...outcome, detectedMs: undefined }]).sections?.[0]?.table ?? []
  expect(table.slice(1).map((row) => row[1])).toEqual(['30 s', 'only after it was over'])
})

test('an uninstallation that does not end is waited for no longer than --timeout, and the report says so', async () => {
  const live = parseObject({ ...fluxKinds.fluxInstance, metadata: { namespace: 'flux-system', name: 'flux', uid: 'one' } })
  const removed: string[] = []
  const remove: Cluster['remove'] = (ref) => Promise.resolve(void removed.push(nameOf(ref)))
  const cluster = { ...clusterOf(() => [live]), remove }
  const [deleting] = scenarios.filter(({ name }) => name === 'flux-deleted')
  const field = { cluster, namespace: 'flux-system', gitSecret: undefined, progress: () => undefined, timeout: 0, lab: undefined }
  const inject = async (): Promise<void> => deleting?.inject(field)
  const ended = await rehearse(scenario, 60_000, { ...place().environment, inject })
  expect(removed).toEqual(['FluxInstance flux-system/flux'])
  const failure = 'the operator has not uninstalled Flux within 0.0 s: FluxInstance flux-system/flux is still there'
  expect(ended).toMatchObject({ detectedMs: undefined, recoveredMs: undefined, met: false, failure })
  expect(reportDrill([ended]).sections).toMatchObject([
    {
      title: 'Disasters',
      table: [expect.anything(), ['X happened', 'never', 'no', '1 m 00 s', 'not met', '1 checked, 0 lost']],
    },
    { title: 'What failed', lines: [`- X happened: ${failure}`] },
  ])
  expect(reportDrill([outcome]).sections).toHaveLength(1)
})

describe('the page', () => {
  const facts = {
    context: 'lab-infra',
    server: 'https://127.0.0.1:6443',
    operator: 'me@here',
    runId: 'run',
    startedAt: '2026-11-01T00:00:00.000Z',
    finishedAt: '2026-11-01T00:10:00.000Z',
  }
  test('needs no other file, and reports every outcome', () => {
    const page = drawReport(facts, [outcome, { ...outcome, name: 'b', met: false, failure: 'it <failed>' }])
    expect(page).not.toMatch(/<(script|link|img|iframe)|@import|url\(|(src|href)=/)
    expect(page).toContain('1 of 2 objectives met')
    expect(page).toContain('Git &lt;gone&gt; &amp; back')
    expect(page).toContain('it &lt;failed&gt;')
  })
})

describe('before a cluster is asked', () => {
  const again = (...flags: readonly string[]): string => `npx zx scripts/drill.ts --context infra ${flags.join(' ')}`
  const shared = { context: 'infra' }
  const recover = 'npx zx scripts/recover.ts --context infra'
  const noResume = 'is for --scenario each-loss: another drill is not resumed; recover repairs what one has left broken'
  test.each([
    [{ scenario: 'git-gone' }, { resume: '' }, `--resume ${noResume}`, recover],
    [{ scenario: 'git-gone' }, { fresh: true }, `--fresh ${noResume}`, recover],
    [{ scenario: 'git-gone', seed: '7' }, {}, '--seed is for --scenario each-loss', again('--scenario', 'each-loss')],
    [{ scenario: 'each-loss', pairs: 'x' }, {}, '--pairs x: that is not a whole number', '--pairs 8'],
    [{ scenario: 'git-gon' }, {}, 'there is no scenario "git-gon"; did you mean git-gone?', again('--scenario', 'git-gone')],
    [{}, {}, 'which disasters? --scenario is mandatory', expect.stringContaining(again('--scenario', 'all'))],
  ] as const)('%o with %o is refused', (own, more, message, remedy) => {
    const given = { shared: { ...shared, ...more }, again }
    expect(() => verifyDrillFlags(own, given)).toThrow(expect.objectContaining({ kind: 'usage', message, remedy }))
  })

  test.each([
    [{ scenario: 'git-gone' }, {}],
    [{ scenario: 'all' }, {}],
    [{ scenario: 'each-loss', pairs: '8' }, { resume: '' }],
  ] as const)('%o with %o is not', (own, more) => {
    expect(() => verifyDrillFlags(own, { shared: { ...shared, ...more }, again })).not.toThrow()
  })
})
