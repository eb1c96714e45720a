import { testInstallation } from '../lab/any-flux/lifecycle.ts'

testInstallation('this repository', { context: 'prod', hasSpaces: false, kubeconfigs: 1 })
