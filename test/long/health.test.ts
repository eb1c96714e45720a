import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootstrappedLab, type TestLab } from '../lab/harness.ts'
import { instance, namespace, openRecovery } from '../lab/recovery.ts'

let lab: TestLab
beforeAll(async () => {
  lab = await bootstrappedLab()
})
afterAll(() => lab.close())

test('loop: what flux reconcile asks is removed by the operator each time, which is none', async () => {
  const { justChecked } = await openRecovery(lab)
  const events = (): Promise<string> => lab.kubectl('events', `--namespace=${namespace}`, '--for=fluxinstance/flux')
  // An apply that the next request interrupts is not reported.
  while (!/\(x4 over .* Flux v.* updated\nGitRepository\/flux-system\/flux-system configured/.test(await events())) {
    // As `flux reconcile source git` does, but that it waits.
    const annotation = `reconcile.fluxcd.io/requestedAt=${new Date().toISOString()}`
    await lab.kubectl(
      'annotate',
      '--overwrite',
      '--field-manager=flux',
      `--namespace=${namespace}`,
      `gitrepository/${namespace}`,
      annotation,
    )
    await justChecked(instance)
  }
  const checked = await lab.run('health-check', ['--lab', '--only', 'loop'])
  expect(checked.code, checked.stdout).toBe(0)
})
