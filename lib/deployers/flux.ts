import { prepareBootstrap } from '../procedures/bootstrap-inputs.ts'
import { bootstrapViaFlux } from '../procedures/bootstrap.ts'
import type { Deployer } from './deployer.ts'

/** Flux first, by its own CLI. */
export const flux: Deployer = {
  async prepare(session, wanted) {
    const inputs = await prepareBootstrap(session, wanted)
    return { steps: bootstrapViaFlux(inputs, session), commit: inputs.tree.commit, notices: inputs.notices }
  },
}
