import { counted } from '../../base/counted.ts'
import { OperatorError } from '../../base/errors.ts'
import type { Flags } from '../../terminal/flags.ts'
import type { CommandContext } from '../../runner/run-command.ts'
import type { RunResult } from '../../runner/run-result.ts'
import { probesNamed } from '../../health/all-probes.ts'
import type { LockHolder } from '../../runner/lock.ts'
import { describeCluster, type Target } from '../../connection/target.ts'
import { isHealthy, type ProbeResult, runProbes } from '../../health/probe.ts'
import { probesField, showProbes, suspendedField } from '../../health/print.ts'
import { comparableSettings } from '../../flux/comparable-settings.ts'
import { isOperator } from '../../flux/labels.ts'
import { installationField } from '../../flux/installation.ts'
import { type Snapshot, snapshotOf } from '../../health/snapshot.ts'

export const healthCheckFlags = {
  only: { type: 'string', value: 'PROBE,…', help: 'run only these probes, from the list below' },
  fix: { type: 'boolean', help: "first move fields that foreign field managers own to Flux's controllers" },
} as const satisfies Flags

/** Runs every probe, reports each, and fails if one of them does. */
export async function checkHealth(stage: CommandContext<typeof healthCheckFlags>): Promise<RunResult> {
  const { target, session, console, own, atWork } = stage
  const probes = probesNamed(own.only)
  const snapshot = snapshotOf(stage)
  await snapshot.begun()
  console.answer.line(`Health of ${describeCluster(target, session.access.server)}`)
  const probed = await runProbes(probes, snapshot)
  const isVerbose = stage.shared.verbose === true
  showProbes(console.answer, atWork === undefined ? probed : withoutRemedies(probed), snapshot.now, isVerbose)
  const healthy = isHealthy(probed)
  const report = { fields: { ...fieldsOf(probed), ...(await fluxField(snapshot)) } }
  const settings = stage.isOneOfSeveral && healthy ? await readSettings(snapshot) : undefined
  if (healthy)
    return { outcome: 'done', report, verdict: wellness(probed), isAnswer: true, ...(settings === undefined ? {} : { settings }) }
  return { outcome: 'failed', failure: unhealthyError(probed, target, atWork), report, isAnswer: true }
}

async function readSettings(snapshot: Snapshot): Promise<ReturnType<typeof comparableSettings>> {
  const [installation, instance, deployments] = await Promise.all([snapshot.installation(), snapshot.instance(), snapshot.deployments()])
  return comparableSettings(installation, instance, deployments.filter(isOperator))
}

/** What the document says beyond the contract's common fields. */
export function fieldsOf(probed: readonly ProbeResult[]): Readonly<Record<string, unknown>> {
  return { healthy: isHealthy(probed), probes: probesField(probed), suspended: suspendedField(probed) }
}

/** What there is of Flux, where that could be read: the probes say why not. */
export async function fluxField({ installation, cluster }: Snapshot): Promise<Readonly<Record<string, unknown>>> {
  try {
    return { flux: installationField(await installation()) }
  } catch {
    cluster.signal.throwIfAborted()
    return {}
  }
}

function wellness(probed: readonly ProbeResult[]): string {
  const warnings = probed.filter(({ state }) => state === 'warn').map(({ id }) => id)
  return `healthy: ${counted(probed.length, 'probe')}, none failed${warnings.length === 0 ? '' : `; warnings: ${warnings.join(', ')}`}`
}

/** While a run changes a cluster, what is unhealthy is what it works on: a person who fixed it would work against it. */
function withoutRemedies(probed: readonly ProbeResult[]): ProbeResult[] {
  return probed.map(({ objects, ...probe }) =>
    objects === undefined
      ? probe
      : { ...probe, objects: objects.map(({ object, reason, since }) => ({ object, reason, ...(since === undefined ? {} : { since }) })) },
  )
}

export function unhealthyError(
  probed: readonly Pick<ProbeResult, 'id' | 'state'>[],
  { context, where }: Pick<Target, 'context' | 'where'>,
  atWork: LockHolder | undefined,
): OperatorError {
  const named = (state: ProbeResult['state']): string[] => probed.filter((probe) => probe.state === state).map(({ id }) => id)
  const [fails, unknown] = [named('fail'), named('unknown')]
  const what = [
    ...(fails.length === 0 ? [] : [`unhealthy: ${fails.join(', ')}`]),
    ...(unknown.length === 0 ? [] : [`not known: ${unknown.join(', ')}`]),
  ]
  if (atWork !== undefined) {
    const { holder, phase } = atWork
    return new OperatorError(`${context} is not healthy while ${holder} is changing it, in phase: ${phase}; ${what.join('; ')}`, {
      remedy: `wait until that run has ended, then check again: npx zx scripts/health-check.ts ${where}`,
    })
  }
  return new OperatorError(`${context} is not healthy; ${what.join('; ')}`, {
    remedy: `start with the first command that a probe names; or, to repair what can be repaired: npx zx scripts/recover.ts ${where}`,
  })
}
