import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OperatorError } from '../../lib/base/errors.ts'
import { reportCapture } from '../../lib/commands/capture/capture.ts'
import { reportDrill } from '../../lib/commands/drill/drill.ts'
import { fieldsOf } from '../../lib/commands/health-check/health-check.ts'
import { reportTeardown } from '../../lib/commands/teardown/teardown.ts'
import { reportUpgrade } from '../../lib/commands/upgrade/report-fields.ts'
import type { UpgradeState } from '../../lib/commands/upgrade/state.ts'
import { installationField } from '../../lib/flux/installation.ts'
import { problems } from '../../lib/health/problems.ts'
import { contextFolder } from '../../lib/runner/run-store.ts'
import { openJournal } from '../../lib/runner/run-journal.ts'
import type { RunState } from '../../lib/runner/run-state.ts'
import type { StepRecord } from '../../lib/runner/step.ts'

/** The paths of the keys in a document: `steps[].id`. */
function keysOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => keysOf(one, `${path}[]`))
  if (typeof value !== 'object' || value === null) return path === '' ? [] : [path]
  const entries = Object.entries(value)
  return entries.flatMap(([key, one]) => keysOf(one, path === '' ? key : `${path}.${key}`))
}

const unique = (keys: readonly string[]): string[] => [...new Set(keys)]

const record: StepRecord = { id: 'sync', title: 'Sync', risk: 'change', state: 'failed', startedAt: '', durationMs: 1, detail: '' }

/** What every document has, and the files that every run keeps: of a run that was resumed, and failed. */
function journalled(): { keys: string[]; files: string[] } {
  const home = mkdtempSync(join(tmpdir(), 'frb-keys-'))
  try {
    const begin = () => {
      const journal = openJournal('upgrade', (text) => text)
      journal.know({ context: 'infra', server: 's', uid: 'u', commit: 'c', flags: ['--to', '2.9.5'] })
      return journal
    }
    const first = begin()
    first.keepIn(home)
    first.log('begun')
    first.keepSteps([record])
    const again = begin()
    const attempt = { startedAt: '', finishedAt: '', outcome: 'cancelled', steps: [record] }
    const facts = { script: 'upgrade', context: 'infra', server: 's', uid: 'u', host: 'h', pid: 1, started: '', flags: [], notes: {} }
    again.continueAs({ ...facts, runId: first.runId(), attempts: [attempt] })
    again.keepIn(home)
    const failure = new OperatorError('it failed', { remedy: 'look' })
    const { document } = again.conclude({ outcome: 'failed', steps: [record], failure }, { message: 'it failed', remedy: 'look' })
    return { keys: keysOf(document), files: readdirSync(join(contextFolder(home, 'infra'), first.runId())) }
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/** The files that a command puts into its run's folder, as its source names them. */
function filesOfCommands(): string[] {
  const paths = readdirSync('lib/commands', { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  return paths.flatMap((path) => {
    const source = readFileSync(join('lib/commands', path), 'utf8')
    const named = [...source.matchAll(/emory\.folder\(\), (?:'([^']+)'|(\w+))\)/g)]
    return named.map(
      ([, name, constant]) => name ?? new RegExp(String.raw`\b${constant} = '([^']+)'`).exec(source)?.[1] ?? `${path}: ${constant}`,
    )
  })
}

/** The files of a run's folder: those of every run, and those of some commands. */
export function runFiles(): string[] {
  return unique([...journalled().files, ...filesOfCommands()]).sort()
}

const memoryOf = (notes: Readonly<Record<string, unknown>>): RunState => ({ read: () => notes, write: () => undefined, folder: () => '' })

function upgradeKeys(): string[] {
  const versions = { flux: '2.9.4', operator: '0.59.0' }
  const notes: UpgradeState = {
    from: versions,
    to: { flux: '2.9.5', operator: '0.59.0' },
    place: { namespace: 'n', syncName: 's', kustomizations: [], operatorRelease: 'o', instanceRelease: 'i' },
    before: {},
    after: {},
    instance: { apiVersion: 'v1', kind: 'FluxInstance', metadata: { name: 'flux' } },
    start: undefined,
    ready: {},
    isBehind: false,
    served: {},
    goesAway: [],
    images: { 'source-controller': 'v1' },
    newImages: { 'source-controller': 'v2' },
    pauses: { 'source-controller': 1 },
    commit: 'c',
    imagesChecked: '',
    evidence: 'evidence.txt',
    isGoingBack: false,
    isReturning: false,
  }
  return keysOf(reportUpgrade(memoryOf({ ...notes }), notes).fields)
}

function healthKeys(): string[] {
  const suspension = { by: 'ann', via: 'flux CLI', user: undefined, since: '' }
  const trouble = { object: 'Kustomization a/b', reason: 'x', since: '', next: 'y', problem: problems.loop, suspension }
  return keysOf(fieldsOf([{ id: 'api', title: 'API', state: 'warn', detail: 'x', objects: [trouble] }]))
}

function fluxKeys(): string[] {
  const root = { apiVersion: 'v1', kind: 'Kustomization', namespace: 'n', name: 'k' }
  const source = { ...root, kind: 'GitRepository' }
  const follows = { source, root, url: 'u', ref: 'r', appliesItself: false }
  const installed = {
    installedBy: 'operator',
    namespace: 'n',
    components: ['c'],
    shards: ['s'],
    shardLabel: '',
    expectsOperator: true,
  } as const
  return keysOf({ flux: installationField({ ...installed, version: '2.9.5', follows }) })
}

function captureKeys(): string[] {
  const ref = { apiVersion: 'v1', kind: 'Secret', namespace: 'n', name: 's' }
  const entries = [
    { ref, role: 'referred', because: [], broughtBy: 'b', suspendedBy: 'ann', text: '{}' },
    { ref, role: 'flux-by-hand', because: [], text: '{}' },
  ] as const
  const header = { context: 'infra', server: 's', uid: 'u', namespace: 'n', takenAt: '' }
  const collected = { header, entries, absent: ['x'], unreadable: [] }
  return keysOf(reportCapture(collected, { is: 'recipients', recipients: ['age1'] }, { file: 'f', copy: 'c' }).fields)
}

function drillKeys(): string[] {
  const survival = { checked: 1, changed: 0, missing: 0 }
  const times = { detectedMs: 1, recoveredMs: 2, objectiveMs: 3 }
  return keysOf(reportDrill([{ name: 'n', title: 't', struckAt: '', ...times, met: true, mendedBy: 'm', survival, failure: 'f' }]).fields)
}

/** The keys of each script's document: what programs read. */
export function documentKeys(): string[] {
  const survival = { checked: 1, changed: [], missing: [], reported: [] }
  const teardown = keysOf(reportTeardown({ residue: ['x'], survival }, memoryOf({})).fields)
  const parts = {
    'of every script': journalled().keys,
    'health-check': [...healthKeys(), ...fluxKeys()],
    capture: captureKeys(),
    'upgrade, rollback': upgradeKeys(),
    'teardown, rebuild': teardown,
    drill: drillKeys(),
  }
  return Object.entries(parts).map(([title, keys]) => `${title}: ${unique(keys).join(' ')}`)
}
