import { testInstallation } from '../lab/any-flux/lifecycle.ts'
import { unusualWorkstation } from '../lab/any-flux/workstation.ts'

testInstallation('a FluxInstance on an OCI artifact, with a shard', unusualWorkstation)
