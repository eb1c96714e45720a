import { messageOf } from '../../../base/errors.ts'
import { deploymentsOf, unavailableOf } from '../../../flux/components.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds, refOf } from '../../../kubernetes/objects.ts'
import type { Rollback } from '../../../runner/execute.ts'
import type { PreparedChange } from '../../../runner/run-change.ts'
import type { Step } from '../../../runner/step.ts'
import type { Stack } from '../../bootstrap/pulumi-stack.ts'
import { pulumiUp, type Starts } from '../../bootstrap/steps/pulumi-up.ts'
import { commandOf } from '../commands.ts'
import { createPauses } from '../downtime.ts'
import { keepEvidence } from '../evidence.ts'
import { stackImages } from '../image-checks.ts'
import { measuring, remembering } from '../measured-steps.ts'
import { reportUpgrade } from '../report-fields.ts'
import type { UpgradeStage } from '../stage.ts'
import { checkpoint, type ChartChange, readUpgradeState, type UpgradeState } from '../state.ts'
import { ensureChartVersion } from '../steps/chart-version.ts'
import { watchStarts } from '../steps/failing-starts.ts'
import { checkImages } from '../steps/image-check.ts'
import { ensureMigrated } from '../steps/migrate-apis.ts'
import { awaitRollout } from '../steps/rollout.ts'
import { RollbackRefused, verifyStored } from '../steps/stored-versions.ts'
import { failsOfVersion, verifyVersions } from '../steps/verify-versions.ts'
import { whileUnderway } from '../underway.ts'
import { expected } from '../upgrade.ts'
import { versionKey } from './charts.ts'

/** An upgrade that a stack carries out. */
export interface StackStage extends UpgradeStage {
  readonly stack: Stack
  /** The same stack, for a rollback, which nobody can cancel. */
  readonly uncancelled: Stack
}

/** From the chart's version in the stack's configuration to controllers that run and are verified; and the rollback. */
export function upgradeStack(
  stage: StackStage,
  notes: UpgradeState,
  chart: ChartChange,
  options: { rollsBack: boolean; checksImages: boolean },
): Pick<PreparedChange, 'steps' | 'rollback' | 'ifStopped' | 'report' | 'toVersion'> {
  const { stack, memory } = stage
  const { from, to, place, images, newImages, goesAway } = notes
  const pauses = createPauses(place.namespace, images)
  const isChanged = (): boolean => readUpgradeState(memory)?.chart?.isChanged === true
  /** From here on a failure is rolled back: also where the configuration had this version before, and Pulumi had yet to install it. */
  const changing = (step: Step): Step => ({
    ...step,
    apply(run, progress) {
      checkpoint(memory, { chart: { ...chart, isChanged: true } })
      return step.apply(run, progress)
    },
  })
  const rollback: Rollback = {
    title: `rolling Flux back to ${from.flux}`,
    shouldRollBack: (why) => why === 'failed' && isChanged(),
    steps: stackRollback(stage, notes, chart).map((step) => ({ ...step, id: `back-${step.id}` })),
    remedy: `find out why, fix it, then: ${commandOf(stage, notes)}`,
    ifFailed: async ({ cluster }, thrown) => ({
      state: await describeState(cluster, stage, place.namespace).catch((error: unknown) => `not known: ${messageOf(error)}`),
      remedy: (thrown instanceof RollbackRefused ? thrown.remedy : undefined) ?? commandsOf(stage, chart),
    }),
  }
  const up = pulumiUp(stack.planned({ [versionKey]: chart.to }), startsOf(notes))
  return {
    toVersion: to.flux,
    steps: [
      ...(options.checksImages ? [checkImages(stackImages(stage, notes, isChanged))] : []),
      ...(goesAway.length === 0 ? [] : [ensureMigrated(new Set(goesAway))]),
      changing(ensureChartVersion(stack, chart.to)),
      measuring(changing(up), pauses),
      remembering(whileUnderway(awaitRollout(place, to.flux, images, newImages), place, { images: newImages }), pauses, memory),
      verification(stage, notes, to.flux, newImages),
    ],
    report() {
      pauses.stop()
      return reportUpgrade(memory, notes)
    },
    ifStopped: () =>
      isChanged()
        ? {
            state: `${versionKey} of the stack ${stack.name} is ${chart.to}; until this run continues, nobody verifies that or rolls it back`,
          }
        : undefined,
    ...(options.rollsBack ? { rollback } : {}),
  }
}

/** Back to the chart that ran before, by the stack too. */
export function stackRollback(stage: StackStage, notes: UpgradeState, chart: ChartChange): Step[] {
  const { uncancelled: stack, memory } = stage
  const { from, place, images, newImages, served } = notes
  const stay = [
    `stay on the newer Flux, and fix it there: ${stack.typed(`config set ${versionKey} ${chart.to}`)}`,
    stack.typed('up --refresh'),
  ]
  return [
    ensureChartVersion(stack, chart.from, async (run) => {
      checkpoint(memory, { isGoingBack: true })
      await keepEvidence(run, place.namespace)
      await verifyStored(run.cluster, { served, version: from.flux }, stay.join('\n'))
    }),
    pulumiUp(stack.planned({ [versionKey]: chart.from })),
    whileUnderway(awaitRollout(place, from.flux, newImages, images), place, { images }),
    verification(stage, notes, from.flux, images),
  ]
}

function verification(stage: StackStage, notes: UpgradeState, version: string, images: UpgradeState['images']): Step {
  const wanted = expected(stage, notes, version, images)
  return whileUnderway(verifyVersions(wanted), notes.place, { hasFailed: (cluster) => failsOfVersion(cluster, wanted) })
}

/** Each controller of the version: none of them may fail to start again and again. */
function startsOf({ place: { namespace }, images, newImages }: UpgradeState): Starts {
  const pulls = watchStarts(newImages, images)
  return {
    watches: [kinds.deployment, kinds.pod].map((kind) => ({ kind, query: { namespace } })),
    async verify(cluster) {
      for (const name of Object.keys(newImages)) await pulls.verify(cluster, { ...kinds.deployment, namespace, name })
    },
  }
}

/** What state things are in where a rollback failed. */
async function describeState(cluster: Cluster, { uncancelled: stack }: StackStage, namespace: string): Promise<string> {
  const deployments = await deploymentsOf(cluster, namespace, 'controllers')
  const waiting = await unavailableOf(cluster, deployments.map(refOf))
  const said = (await stack.readConfig())[versionKey]?.value ?? 'not set'
  return `${waiting.length === 0 ? 'all controllers are available' : `not available: ${waiting.join(', ')}`}; ${versionKey} is ${said}`
}

/** What finishes a rollback. */
function commandsOf({ script, target, uncancelled: stack }: StackStage, chart: ChartChange): string {
  return [
    `npx zx scripts/${script}.ts ${target.where} --resume   # finishes all of it`,
    `or by hand: ${stack.typed(`config set ${versionKey} ${chart.from}`)}`,
    stack.typed('up --refresh'),
  ].join('\n    ')
}
