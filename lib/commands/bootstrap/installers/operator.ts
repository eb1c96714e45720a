import { prepareBootstrap } from '../prepare.ts'
import { bootstrap } from '../bootstrap.ts'
import type { BootstrapInstaller } from './installer.ts'

/** flux-operator first, which installs Flux. */
export const operatorInstaller: BootstrapInstaller = {
  async prepare(session, wanted) {
    const inputs = await prepareBootstrap(session, wanted)
    return {
      steps: bootstrap(inputs, session),
      commit: inputs.tree.commit,
      toVersion: inputs.tree.distribution.version,
      notices: inputs.notices,
      ...(inputs.takeOver === undefined ? {} : { report: inputs.takeOver.report, next: inputs.takeOver.next }),
    }
  },
}
