import { fluxKinds } from '../../flux/kinds.ts'
import { kindArgument } from '../../kubernetes/objects.ts'
import { OperatorError } from '../../base/errors.ts'
import type { Flags } from '../../terminal/flags.ts'
import { allProbes } from '../../health/all-probes.ts'
import { fieldsOf } from '../health-check/health-check.ts'
import { isHealthy, type ProbeResult, runProbes } from '../../health/probe.ts'
import type { Snapshot } from '../../health/snapshot.ts'
import { snapshotOf } from '../../health/snapshot.ts'
import type { PreparedChange, PrepareContext } from '../../runner/run-change.ts'
import { diagnose, type Diagnosis } from './diagnosis.ts'
import { inLayers, type Remedy } from './layers.ts'
import { RemedyNeeds } from './remedy-needs.ts'
import { type Evidence, gatherEvidence, isOutdated } from './evidence.ts'
import { type Remedies, remediesOf } from './remedies.ts'
import { untilDecided } from './upgrade-in-progress.ts'
import { ensureObjectResumed, namedToResume, suspendedInstance, resumesInstance, verifyNotSuspended } from './suspended.ts'
import { knownCluster } from '../../runner/run-store.ts'
import { recordedLoop } from './steps/end-loop.ts'
import { verifyHealth } from '../health-check/steps/verify-health.ts'
import { reportEvidence } from '../upgrade/report-fields.ts'
import { readUpgradeState } from '../upgrade/state.ts'
import { restoreFlags } from '../restore/restore.ts'

export const recoverFlags = {
  ...restoreFlags,
  from: { type: 'string', value: 'FILE', help: 'restore this capture first, if Secrets that Flux needs are gone' },
  'resume-suspended': {
    type: 'string',
    value: 'KIND/NAMESPACE/NAME',
    help: 'resume this suspended object; --yes alone resumes none. Comma-separated or repeated',
    repeats: true,
  },
  'new-cluster': { type: 'boolean', help: "confirm that the context's name now means another cluster" },
} as const satisfies Flags

/** How often the evidence is gathered again where the FluxInstance goes meanwhile. */
const mostAttempts = 5

/**
 * Finds out which disasters these are, and makes their remedies one procedure that ends with a green health check.
 * @throws OperatorError `blocked` where Flux is not healthy and it is not a disaster with a name
 */
export async function prepareRecovery(surroundings: PrepareContext<typeof recoverFlags>): Promise<PreparedChange> {
  const { session, target, memory, console, own } = surroundings
  const takeSnapshot = (): Snapshot => snapshotOf(surroundings)
  const known = knownCluster(target.runs, target.context)
  const begun = [
    ...(recordedLoop(memory) === undefined ? [] : ['loop']),
    ...(readUpgradeState(memory) === undefined ? [] : ['upgrade-broken']),
  ]
  const gather = async (attempts = mostAttempts): Promise<Evidence> => {
    const snapshot = takeSnapshot()
    const isOther = known === undefined ? undefined : known.uid !== session.uid
    const gathered = await gatherEvidence(snapshot, await runProbes(allProbes, snapshot), isOther)
    if (!(await isOutdated(gathered, session.cluster))) return gathered
    if (attempts > 1) return gather(attempts - 1)
    throw new OperatorError(
      `${fluxKinds.fluxInstance.kind} in ${gathered.namespace} keeps being deleted and recreated; nothing was changed`,
      {
        kind: 'blocked',
        remedy: `find out who does so: kubectl --namespace ${gathered.namespace} get ${kindArgument(fluxKinds.fluxInstance)} --show-managed-fields --output yaml`,
      },
    )
  }
  const seen = await untilDecided(session.cluster, console, begun, () => gather())
  const resumed = namedToResume(own['resume-suspended'], seen)
  const evidence = { ...seen, resumed, resumesInstance: resumesInstance(resumed) }
  const found = diagnose(evidence, begun)
  const suspended = evidence.resumesInstance ? undefined : suspendedInstance(evidence, target.where)
  const isBesideOnly = found.every(({ mode }) => mode.isBeside === true)
  if (isBesideOnly && resumed.length === 0 && !isHealthy(seen.probed)) throw nameless(seen.probed, target.where, suspended)
  verifyNotSuspended(
    found.map(({ mode }) => mode.id),
    suspended,
  )

  const available = remediesOf(surroundings, evidence, takeSnapshot)
  // One whose own remedy resumes it is left to that.
  const isNamed = found.some(({ mode }) => mode.id === 'instance-suspended')
  const resuming = resumed.flatMap((ref) => (isNamed && ref.kind === fluxKinds.fluxInstance.kind ? [] : [ensureObjectResumed(ref)]))
  const { remedies, impossible } = await remediesFor(found, available)
  const remaining = impossible.filter(({ isBeside }) => !isBeside)
  if (remedies.length + resuming.length === 0 && remaining.length > 0) throw noneIsPossible(impossible)
  // What stays as it is does not become healthy by waiting.
  const verify = verifyHealth(takeSnapshot, allProbes, remaining.length === 0)
  const rollback = available.rollback()
  const disasters = found.map(({ mode: { id, title }, because }) => ({ id, title, because }))
  return {
    steps: [...resuming, ...inLayers(remedies), verify],
    notices: [
      ...(suspended === undefined ? [] : [`${suspended.what}\n   → ${suspended.remedy}`]),
      ...disasters.map(({ title, because }) => `found: ${title} (${because})`),
      ...impossible.map(({ title, why, remedy }) => `not repaired: ${title}: ${why}\n   → ${remedy}`),
      ...available.notices(),
    ],
    report() {
      const kept = reportEvidence(memory)
      return { fields: { disasters, ...kept.fields, ...fieldsOf(verify.observed()?.value ?? seen.probed) }, sections: kept.sections }
    },
    ...(rollback === undefined ? {} : { rollback }),
  }
}

interface ImpossibleRemedy {
  readonly title: string
  readonly why: string
  readonly remedy: string
  /** Flux is healthy all the same. */
  readonly isBeside: boolean
}

/** The remedies that can be carried out here, and what would make the others possible. */
async function remediesFor(
  found: readonly Diagnosis[],
  available: Remedies,
): Promise<{ remedies: readonly Remedy[]; impossible: readonly ImpossibleRemedy[] }> {
  const remedies: Remedy[] = []
  const impossible: ImpossibleRemedy[] = []
  // Preflight asks the server what would be, and a webhook that cannot answer refuses that too: the rest is for a second run.
  const hasObstacle = found.some(({ mode }) => mode.isObstacle === true)
  const isRefused = (error: unknown): boolean => hasObstacle && error instanceof OperatorError && error.kind === 'blocked'
  const again = 'once that is gone: the same command'
  let isPutOff = false
  for (const { mode } of found) {
    const isBeside = mode.isBeside === true
    try {
      remedies.push(await mode.remedy(available))
    } catch (error) {
      if (error instanceof RemedyNeeds) impossible.push({ title: mode.title, why: error.message, remedy: error.remedy ?? '', isBeside })
      else if (isRefused(error)) {
        isPutOff = true
        impossible.push({ title: mode.title, why: 'the object that blocks Flux refuses it', remedy: again, isBeside })
      } else throw error
    }
  }
  // What is left would wait for what was put off.
  if (isPutOff) return { remedies: remedies.flatMap(({ obstacles }) => (obstacles === undefined ? [] : [{ obstacles }])), impossible }
  return { remedies, impossible }
}

function noneIsPossible(impossible: readonly ImpossibleRemedy[]): OperatorError {
  const reported = impossible.map(({ title, why }) => `${title}: ${why}`)
  return new OperatorError(`this cannot be repaired from here; nothing was changed\n${reported.join('\n')}`, {
    kind: 'blocked',
    remedy: [...new Set(impossible.map(({ remedy }) => remedy))].join('; '),
  })
}

function nameless(probed: readonly ProbeResult[], where: string, suspended: { what: string; remedy: string } | undefined): OperatorError {
  const unhealthy = probed.filter((probe) => !isHealthy([probe]))
  const reported = unhealthy.flatMap(({ title, detail, objects = [] }) =>
    objects.length === 0
      ? [`${title}: ${detail}`]
      : objects.slice(0, 3).map(({ object, reason, next }, at, shown) => {
          const isLast = next !== undefined && next !== shown[at + 1]?.next // once for all who have the same
          return `${object}: ${reason}${isLast ? `\n   → ${next}` : ''}`
        }),
  )
  if (suspended !== undefined) reported.push(`${suspended.what}\n   → ${suspended.remedy}`)
  return new OperatorError(
    `Flux is not healthy, but this is not a disaster with a remedy of its own; nothing was changed\n${reported.join('\n')}`,
    {
      kind: 'blocked',
      remedy: `npx zx scripts/health-check.ts ${where}   # reports all of it`,
    },
  )
}
