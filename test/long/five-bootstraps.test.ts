import { expect, onTestFinished, test } from 'vitest'
import { writesSince } from '../lab/audit.ts'
import { documentOf, startLab } from '../lab/harness.ts'
import { monitoringCrds } from '../lab/monitoring.ts'

test('with monitoring on, five bootstraps in a row change nothing, and write nothing', async () => {
  const lab = await startLab(['infra'])
  onTestFinished(() => lab.close())
  const crds = await monitoringCrds()
  await lab.kubectl('create', '--filename', crds)
  await lab.kubectl('wait', '--for=condition=Established', '--filename', crds)
  await lab.change('kubernetes/clusters/infra/kustomization.yaml', (text) => text.replace('# - monitoring.yaml', '- monitoring.yaml'))
  const first = await lab.run('bootstrap', ['--lab', '--yes', '--json'])
  expect(documentOf(first), first.stderr).toMatchObject({ outcome: 'done' })
  const ready = ['kustomization/infra-gitops-flux-monitoring', 'helmrelease/flux-operator']
  await lab.kubectl('--namespace', 'flux-system', 'wait', '--timeout=5m', '--for=condition=Ready', ...ready)
  await lab.kubectl('--namespace', 'flux-system', 'wait', '--for=create', 'servicemonitor/flux-operator', '--timeout=5m')
  const since = new Date()
  for (let round = 1; round <= 5; round++) {
    const again = await lab.run('bootstrap', ['--lab', '--yes', '--json'])
    expect(documentOf(again), `round ${round}\n${again.stderr}`).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
  }
  // What finds nothing to do takes no lock either.
  expect(writesSince(lab.home, since)).toEqual([])
})
