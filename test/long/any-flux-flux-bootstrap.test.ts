import { testInstallation } from '../lab/any-flux/lifecycle.ts'

testInstallation('flux bootstrap git', { context: 'prod', hasSpaces: false, kubeconfigs: 1 })
