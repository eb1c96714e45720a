import type { Session } from '../../connection/session.ts'
import type { Step } from '../../runner/step.ts'
import { awaitFluxInstance, ensureFluxInstance, ensureOperator } from './steps/chart.ts'
import { ensurePlainInstance } from './steps/plain-instance.ts'
import { ensureFirstSync, ensureFluxInstalled } from './steps/flux-install.ts'
import { ensureNamespace } from './steps/namespace.ts'
import { ensureSecret } from './steps/secret.ts'
import { ensureSynced, ensureTakenOver } from './steps/sync.ts'
import { verifyFlux } from './steps/verify-flux.ts'
import type { BootstrapInputs } from './inputs.ts'

/** From an empty cluster to a Flux that manages itself from Git: the operator first, which installs Flux. */
export function bootstrap(
  { tree, operatorObjects, instanceObjects, secrets, takeOver }: BootstrapInputs,
  { access, tools }: Session,
): Step[] {
  return [
    ensureNamespace(tree.namespace),
    ...secrets.map(ensureSecret),
    ...(takeOver?.record ?? []),
    ensureOperator(tree.operator, operatorObjects),
    ...(takeOver?.replace ?? []),
    tree.plainInstance === undefined
      ? ensureFluxInstance(tree.instance, instanceObjects)
      : ensurePlainInstance(tree.plainInstance, tree.namespace),
    ensureSynced(tree),
    ensureTakenOver(tree),
    ...(takeOver?.prove ?? []),
    verifyFlux(tree.namespace, access, tools.flux),
    ...(takeOver?.forget ?? []),
  ]
}

/** The older way to the same end: Flux first, by its own CLI; Git then brings the operator, which adopts what it finds. */
export function bootstrapViaFlux({ tree, secrets }: BootstrapInputs, { access, tools }: Session): Step[] {
  return [
    ensureNamespace(tree.namespace),
    ...secrets.map(ensureSecret),
    ensureFluxInstalled(tree, access, tools.flux),
    ensureFirstSync(tree),
    awaitFluxInstance(tree.namespace),
    ensureSynced(tree),
    ensureTakenOver(tree),
    verifyFlux(tree.namespace, access, tools.flux),
  ]
}
