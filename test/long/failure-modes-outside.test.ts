import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { manifestOf } from '../../lib/kubernetes/manifest.ts'
import { kinds, parseObject, type Ref } from '../../lib/kubernetes/objects.ts'
import { bootstrappedLab, type TestLab, untilRunning } from '../lab/harness.ts'
import { meet } from '../lab/failure-mode.ts'
import { documentOf, instance, namespace, openRecovery, type Recovery, source } from '../lab/recovery.ts'
import { selfSigned } from '../unit/self-signed.ts'

// The failure modes that only people can repair: health and recover name each, and say what to do; once that is done, Flux is healthy in time.
const settings = 'kubernetes/clusters/infra/settings.yaml'
const admission = 'admissionregistration.k8s.io/v1'
let lab: TestLab
let world: Recovery

beforeAll(async () => {
  lab = await bootstrappedLab()
  await lab.snapshot('healthy')
  world = await openRecovery(lab)
})
afterAll(() => lab.close())
beforeEach(async () => {
  await lab.reset('healthy')
  await untilRunning(lab)
})

test('a policy that denies what Flux writes', async () => {
  const policy: Ref = { apiVersion: admission, kind: 'ValidatingAdmissionPolicy', name: 'frozen' }
  const binding: Ref = { apiVersion: admission, kind: 'ValidatingAdmissionPolicyBinding', name: 'frozen' }
  const rule = { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['deployments'] }
  const matchConstraints = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
    resourceRules: [rule],
  }
  const validations = [{ expression: 'false', message: 'nothing is changed in December' }]
  const met = meet(lab)
  await world.cluster.apply(manifestOf(policy, { spec: { failurePolicy: 'Fail', matchConstraints, validations } }))
  await world.cluster.apply(manifestOf(binding, { spec: { policyName: 'frozen', validationActions: ['Deny'] } }))
  await world.ask(instance)
  await met.isSeen('instance', /ValidatingAdmissionPolicy 'frozen' with binding 'frozen' denied request: nothing is changed in December/)
  await met.isLeftToPeople('Admission refuses what Flux writes', '-- get validatingadmissionpolicy frozen --output yaml')
  await world.remove(await world.there(binding), await world.there(policy))
  await world.ask(instance)
  await met.isHealthy()
})

test('the branch gone', async () => {
  const fleet = (...args: string[]): string =>
    execFileSync('git', ['-C', join(lab.home, 'git', 'fleet.git'), ...args], { encoding: 'utf8' }).trim()
  // Not main, which the lab pushes again as soon as it is gone.
  const branch = 'refs/heads/release'
  await lab.change(settings, (text) => text.replace(/git_ref: .*/, `git_ref: ${branch}`))
  const head = fleet('rev-parse', 'main')
  fleet('update-ref', branch, head)
  await world.ask(source)
  const isFollowed = async (): Promise<boolean> => JSON.stringify((await world.there(source)).status).includes(`"${branch}@sha1:${head}"`)
  await world.until(isFollowed, source)
  const met = meet(lab)
  fleet('update-ref', '-d', branch)
  await world.ask(source)
  await met.isSeen('sources', /GitRepository flux-system\/flux-system: .*unable to resolve ref 'refs\/heads\/release' to a specific commit/)
  await met.isLeftToPeople('The branch, or the commit, that Flux follows gone from Git', `COMMIT:${branch}`)
  fleet('update-ref', branch, head)
  await world.ask(source)
  await met.isHealthy()
})

test('a certificate of Git that Flux does not trust', async () => {
  const server = createServer(selfSigned('127.0.0.1')).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const ref: Ref = { ...fluxKinds.gitRepository, namespace, name: 'untrusted' }
  const met = meet(lab)
  await world.cluster.apply(manifestOf(ref, { spec: { interval: '1h', timeout: '20s', url: `https://127.0.0.1:${port}/fleet.git` } }))
  await met.isSeen('sources', /GitRepository flux-system\/untrusted: .*x509: /)
  await met.isLeftToPeople("Git's certificate expired, or signed by an authority that Flux does not know", 'renew the certificate')
  await world.remove(await world.there(ref))
  await met.isHealthy()
})

test('the pinned digest gone from the registry', async () => {
  const met = meet(lab)
  const pinned = `instance_chart_digest: "sha256:${'0'.repeat(64)}"`
  const revert = await lab.change(settings, (text) => text.replace('instance_chart_digest: ""', pinned))
  await world.ask(source)
  await met.isSeen('sources', /OCIRepository flux-system\/flux-instance: .*(MANIFEST_UNKNOWN|not found)/)
  await met.isLeftToPeople('The pinned chart or artifact gone from the registry', 'push the version to the registry again')
  await revert()
  await world.ask(source)
  await met.isHealthy()
})

test('a second FluxInstance, which the operator ignores', async () => {
  const other = 'apps' // which the API lists first
  const ref: Ref = { ...fluxKinds.fluxInstance, namespace: other, name: 'flux' }
  const met = meet(lab)
  await world.cluster.apply(manifestOf({ ...kinds.namespace, name: other }, {}))
  const { spec } = parseObject(await world.there(instance))
  await world.cluster.apply(parseObject({ ...manifestOf(ref), spec }))
  await met.isSeen('instance', /FluxInstance apps\/flux: is ignored: the operator reconciles FluxInstance flux-system\/flux alone/)
  const { stderr } = await met.isRecovered('instance-ignored')
  expect(stderr).toContain('not repaired: A second FluxInstance: only people know which of them is meant')
  expect(stderr).toContain('-- --namespace apps delete fluxinstance flux')
  await world.remove(await world.there(ref))
  await met.isHealthy()
})

test('an aggregated API that is down: Flux is healthy without it, until its namespace has to go', async () => {
  const api: Ref = { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', name: 'v1.example.com' }
  const service = { namespace: 'default', name: 'gone' }
  const spec = { group: 'example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 100, service }
  const met = meet(lab)
  await world.cluster.apply(manifestOf(api, { spec }))
  await met.isSeen('api', /APIService v1\.example\.com: is not available/)
  const { stderr } = await met.isRecovered('api-unavailable')
  expect(stderr).toContain('not repaired: An aggregated API that does not answer')
  expect(stderr).toContain('-- delete apiservice v1.example.com') // by the lab's kubectl

  const home: Ref = { ...kinds.namespace, name: namespace }
  await world.cluster.remove(home, { uid: (await world.there(home)).metadata.uid ?? '' })
  const isStuck = async (): Promise<boolean> => JSON.stringify((await world.cluster.get(home)) ?? {}).includes('DiscoveryFailed')
  await world.until(isStuck, kinds.namespace)
  const ended = await lab.run('recover', ['--lab', '--yes', '--destroy=lab-infra', '--json'])
  expect(ended.code, ended.stderr).toBe(0)
  expect(documentOf(ended).disasters.map(({ id }) => id)).toEqual(expect.arrayContaining(['namespace-deleted', 'api-unavailable']))
  expect(await world.cluster.get(api)).toBeUndefined()
})
