import { afterAll, beforeAll, test } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { startLab, type TestLab } from '../lab/harness.ts'
import { killBootstrap, verifyAsUndisturbed } from '../lab/killed-bootstrap.ts'

let lab: TestLab
let cluster: Cluster

beforeAll(async () => {
  lab = await startLab(['infra'])
  cluster = await lab.cluster('lab-infra')
})
afterAll(() => lab.close())

/** What each step but the last says when it is over, in order. */
const endings = [
  '✔ Create the namespace',
  '✔ Give Flux the login',
  '✔ Install flux-operator',
  '✔ Install Flux: apply',
  '✔ Follow Git',
  '✔ Hand over to Git',
]

test('a bootstrap killed with -9 after every step, and inside one, ends like an undisturbed one', async () => {
  await killBootstrap(lab, ['◎ Install flux-operator', ...endings])
  await verifyAsUndisturbed(lab, cluster)
})
