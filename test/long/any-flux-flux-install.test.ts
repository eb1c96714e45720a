import { testInstallation } from '../lab/any-flux/lifecycle.ts'
import { unusualWorkstation } from '../lab/any-flux/workstation.ts'

testInstallation('flux install', unusualWorkstation)
