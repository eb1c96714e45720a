import { prepareBootstrap } from '../prepare.ts'
import { bootstrapViaFlux } from '../bootstrap.ts'
import type { BootstrapInstaller } from './installer.ts'

/** Flux first, by its own CLI. */
export const fluxInstaller: BootstrapInstaller = {
  async prepare(session, wanted) {
    const inputs = await prepareBootstrap(session, { ...wanted, takeOver: 'expected' })
    return {
      steps: bootstrapViaFlux(inputs, session),
      commit: inputs.tree.commit,
      toVersion: inputs.tree.distribution.version,
      notices: inputs.notices,
    }
  },
}
