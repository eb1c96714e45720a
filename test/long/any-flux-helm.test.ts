import { testInstallation } from '../lab/any-flux/lifecycle.ts'

testInstallation('helm install of both charts', { context: 'prod', hasSpaces: false, kubeconfigs: 1 })
