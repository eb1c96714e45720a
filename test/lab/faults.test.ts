import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { documentOf, startLab, type TestLab } from './harness.ts'

let lab: TestLab

beforeAll(async () => {
  lab = await startLab(['infra'])
  await lab.snapshot('empty')
})
afterAll(() => lab.close())
beforeEach(async () => {
  await lab.clearFaults()
  await lab.reset('empty')
})

test('an operator cut off, a controller that crashes and Git gone are waited out, each by its name', async () => {
  await lab.setFault('partition=flux-operator')
  await lab.setFault('crash=kustomize-controller')
  const running = lab.start('bootstrap', ['--lab', '--yes', '--json'])
  // Cut off from the API, the operator starts and dies.
  await running.said(/Install flux-operator [\d.]+: flux-operator 0\/1: CrashLoopBackOff/)
  await lab.setFault('git-down')
  await lab.clearFaults('partition')
  await running.said(/kustomize-controller 0\/1: CrashLoopBackOff/)
  await lab.clearFaults('crash')
  await running.said(/GitRepository flux-system\/flux-system: GitOperationFailed: .*connection refused/)
  await lab.clearFaults('git-down')
  const ended = await running.ended
  expect(ended.code, ended.stderr).toBe(0)
  expect(documentOf(ended)).toMatchObject({ outcome: 'done' })
})

test('a registry that goes away after the preflight, and an API that is slow and then gone for 20 seconds, are waited out', async () => {
  const running = lab.start('bootstrap', ['--lab', '--yes', '--json'])
  await running.said('✔ Give Flux the login')
  await lab.setFault('registry-down')
  await running.said(/FluxInstance flux-system\/flux: ArtifactFailed: .*connection refused/)
  await lab.clearFaults('registry-down')
  await lab.setFault('api-slow=500')
  await running.said('◎ Hand over to Git')
  await lab.clearFaults('api-slow')
  await lab.setFault('api-down')
  await running.said('waiting: the Kubernetes API cannot be reached')
  await new Promise((resolve) => setTimeout(resolve, 20_000)) // how long the API is away is what is tested
  await lab.clearFaults('api-down')
  await running.said('the Kubernetes API answers again')
  const ended = await running.ended
  expect(ended.code, ended.stderr).toBe(0)
  expect(documentOf(ended)).toMatchObject({ outcome: 'done' })
})

test('an image that cannot be pulled ends at the timeout, with what to do; fixed, the run continues', async () => {
  await lab.setFault('image=helm-controller:v1.6.4')
  const ended = await lab.run('bootstrap', ['--lab', '--yes', '--json', '--timeout', '20s'])
  expect(ended.code).toBe(1)
  expect(ended.stderr).toMatch(/gave up waiting: .*helm-controller 0\/1: (ErrImagePull|ImagePullBackOff): /)
  expect(ended.stderr).toContain(
    'to continue from here, with a longer --timeout if necessary: npx zx scripts/bootstrap.ts --lab --yes --json --timeout 20s --resume\n',
  )
  expect(documentOf(ended)).toMatchObject({ outcome: 'failed', exitCode: 1 })
  await lab.clearFaults()
  const resumed = await lab.run('bootstrap', ['--lab', '--yes', '--json', '--resume', documentOf(ended).runId])
  expect(resumed.code, resumed.stderr).toBe(0)
  expect(documentOf(resumed)).toMatchObject({ exitCode: 0, runId: documentOf(ended).runId })
})
