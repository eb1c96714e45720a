import type { Session } from '../session.ts'
import type { Step } from '../step.ts'
import { ensureFluxInstance, ensureOperator } from '../steps/chart.ts'
import { ensureNamespace } from '../steps/namespace.ts'
import { ensureSecret } from '../steps/secret.ts'
import { ensureSynced, ensureTakenOver } from '../steps/sync.ts'
import { verifyFlux } from '../steps/verify-flux.ts'
import type { BootstrapInputs } from './bootstrap-inputs.ts'

/** From an empty cluster to a Flux that manages itself from Git. */
export function bootstrap({ tree, operatorObjects, instanceObjects, secrets }: BootstrapInputs, { access, tools }: Session): Step[] {
  return [
    ensureNamespace(tree.namespace),
    ...secrets.map(ensureSecret),
    ensureOperator(tree.operator, operatorObjects),
    ensureFluxInstance(tree.instance, instanceObjects),
    ensureSynced(tree),
    ensureTakenOver(tree),
    verifyFlux(tree.namespace, access, tools.flux),
  ]
}
