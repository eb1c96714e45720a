import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type Hand, openHand, readPrinted } from './by-hand.ts'
import { placeCaptureKey } from './capture-key.ts'
import { bootstrappedLab, type TestLab } from './harness.ts'
import { personAt } from './person.ts'

let lab: TestLab
let hand: Hand

beforeAll(async () => {
  lab = await bootstrappedLab()
  hand = await openHand(lab)
})
afterAll(async () => {
  hand.close()
  await lab.close()
})

/** The one line that is a command, behind these words. */
function printed(text: string, before: string): string {
  const line = text.split('\n').find((one) => one.includes(before)) ?? ''
  return line.slice(line.indexOf(before) + before.length)
}

test('stdout is what was asked for, stderr is the rest; the last line of each run says how it ended', async () => {
  const [health, planned, refused] = await Promise.all([
    lab.run('health-check', ['--lab', '--only', 'api,instance,alerts']),
    lab.run('bootstrap', ['--lab', '--dry-run']),
    lab.run('teardown', ['--lab', '--yes']),
  ])
  expect(health.stdout).toMatch(
    /^Health of lab-infra \(.*, the local test lab\)\n✔ Kubernetes API: .*\n✔ FluxInstance: .*\n– Alerts: not checked: .*\n✔ health-check on lab-infra: healthy: 3 probes, none failed \(.*\)\n$/,
  )
  expect(health.stderr).toBe('')
  expect(planned.stdout).toMatch(
    /^\nPlan for lab-infra [^]*\n✔ bootstrap on lab-infra: nothing (to do: everything is as Git says|would be changed: .*) \(.*\)\n$/,
  )
  expect(planned.stderr).not.toContain('Create the namespace')
  expect(refused).toMatchObject({ code: 2, stdout: '' })
  expect(refused.stderr).toMatch(/\n {2}→ npx zx scripts\/teardown\.ts --lab --yes --destroy=lab-infra\n$/)
})

test('in a terminal of 80 columns each command on the screen can be pasted as it is, also where a plan is stopped at its prompt', async () => {
  const person = personAt(lab)
  onTestFinished(person.leaves)
  await lab.kubectl('--namespace=flux-system', 'annotate', 'fluxinstance/flux', 'fluxcd.controlplane.io/reconcile=disabled')
  onTestFinished(() =>
    lab.kubectl('--namespace=flux-system', 'annotate', 'fluxinstance/flux', 'fluxcd.controlplane.io/reconcile-').then(() => undefined),
  )
  await person.reads(person.types('health-check.ts --lab'), 0)
  const stopped = await person.stopsAfter('recover.ts --lab --resume-suspended FluxInstance/flux-system/flux', 0)
  expect(stopped).toContain('? What now? ·')
  expect(stopped).toMatch(/\n✗ stopped; nothing was changed\n?$/)
})

test('a kubeconfig that does not exist, and a fault of what does not run, are called so', async () => {
  const { bin } = await lab.access()
  const [nowhere, fault] = await Promise.all([
    lab.run('health-check', ['--context', 'infra'], { KUBECONFIG: '/nowhere/config', PATH: `${bin}:${process.env.PATH}` }),
    lab.run('lab', ['fault', 'set', 'partition=flux-operater']),
  ])
  await lab.clearFaults()
  expect(nowhere).toMatchObject({ code: 2, stdout: '' })
  expect(nowhere.stderr).toContain('✗ there is no context "infra"; /nowhere/config, which KUBECONFIG names, does not exist\n')
  expect(fault.stderr).toContain('⚠ no flux-operater runs in the lab, so it takes effect once one does; did you mean flux-operator?\n')
  expect(fault.stderr).toContain('✔ partition=flux-operater is set, on every cluster of the lab; ')
})

test('the capture that the runbook shows goes outside of the checkout, and what is printed then restores from it', async () => {
  await placeCaptureKey(hand, hand.path('keys.txt'))
  const runbook = await readPrinted('docs/runbooks/flux-self-management.md')
  const line = runbook.text.split('\n').find((one) => one.startsWith('npx zx scripts/capture.ts')) ?? ''
  const captured = await hand.run('bash', ['-c', `${line} 2>said`])
  expect(captured).toMatch(/\/infra\.age\n$/)
  const said = readFileSync(hand.path('said'), 'utf8')
  expect(said).toContain('✔ capture on infra: captured, decrypted again and compared completely (')
  const again = printed(said, 'To restore from it: ')
  expect(await hand.run('bash', ['-c', `${again} --dry-run`])).toContain('✔ restore on infra: nothing to do: everything exists as captured')
})
