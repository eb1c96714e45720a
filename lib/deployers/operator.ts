import { prepareBootstrap } from '../procedures/bootstrap-inputs.ts'
import { bootstrap } from '../procedures/bootstrap.ts'
import type { Deployer } from './deployer.ts'

/** flux-operator first, which installs Flux. */
export const operator: Deployer = {
  async prepare(session, wanted) {
    const inputs = await prepareBootstrap(session, wanted)
    return { steps: bootstrap(inputs, session), commit: inputs.tree.commit, notices: inputs.notices }
  },
}
