import { asTyped } from '../run-names.ts'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openCapture } from '../../lib/capture/file.ts'
import { type CaptureKeys, captureKeys } from '../../lib/capture/keys.ts'
import { suspendedBy } from '../../lib/flux/suspension.ts'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, type Ref } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { createConsole } from '../../lib/terminal/console.ts'
import type { RunState } from '../../lib/runner/run-state.ts'
import { createRedactor } from '../../lib/base/redactor.ts'
import type { StepContext } from '../../lib/runner/step.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import type { Step } from '../../lib/runner/step.ts'
import { ensureCaptured } from '../../lib/commands/teardown/steps/capture.ts'
import { ensureSuspended } from '../../lib/commands/rebuild/steps/suspend.ts'
import { manifestOf } from '../../lib/kubernetes/manifest.ts'
import { temporaryNow, verifyNothingLeft, watchProcesses } from './canaries.ts'
import { bootstrappedLab, documentOf, type TestLab } from './harness.ts'

const folder = mkdtempSync(join(tmpdir(), 'frb-capture-'))
const file = join(folder, 'infra.age')
const identity = join(folder, 'capture.key')
const canary = 'canary-of-the-values'
const encoded = Buffer.from(canary).toString('base64')
let lab: TestLab
let infra: Cluster
let recipient: string

const fluxSystem = 'flux-system'
const team = { ...kinds.namespace, name: 'team-a' }
const values: Ref = { ...kinds.secret, namespace: 'team-a', name: 'values' }
const fixed: Ref = { ...kinds.secret, namespace: 'team-a', name: 'registry' }
const external: Ref = { ...kinds.secret, namespace: 'team-a', name: 'from-vault' }
const subst: Ref = { ...kinds.configMap, namespace: 'team-a', name: 'substitutes' }
const account: Ref = { ...kinds.serviceAccount, namespace: 'team-a', name: 'deployer' }
const byHand: Ref = { ...fluxKinds.kustomization, namespace: 'team-a', name: 'by-hand' }
const named: Ref = { ...kinds.configMap, namespace: fluxSystem, name: 'mine' }
const sopsAge: Ref = { ...kinds.secret, namespace: fluxSystem, name: 'sops-age' }
const externalSecret: Ref = { apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', namespace: 'team-a', name: 'vault' }
const crd: Ref = { ...kinds.crd, name: 'externalsecrets.external-secrets.io' }

beforeAll(async () => {
  lab = await bootstrappedLab()
  infra = await lab.cluster('lab-infra')
  const secret = await generateX25519Identity()
  recipient = await identityToRecipient(secret)
  writeFileSync(identity, `${secret}\n`, { mode: 0o600 })
  writeFileSync(join(folder, 'sops.key'), `${await generateX25519Identity()}\n`, { mode: 0o600 })
  const ended = await lab.run('bootstrap', ['--lab', '--yes'], { SOPS_AGE_KEY_FILE: join(folder, 'sops.key') })
  expect(ended.code, ended.stderr).toBe(0)
  await makeTeam()
  await installRelease()
})
afterAll(async () => {
  await lab.close()
  rmSync(folder, { recursive: true, force: true })
})

/** What a team that uses Flux has beside Git. */
async function makeTeam(): Promise<void> {
  await infra.apply({ ...manifestOf(team), metadata: { ...manifestOf(team).metadata, labels: { team: 'a' } } })
  const marks = { labels: { team: 'a' }, annotations: { note: 'ü "quoted"\nlines' } }
  const create = async (ref: Ref, fields: Record<string, unknown>): Promise<void> => {
    const object = manifestOf(ref, fields)
    await infra.create({ ...object, metadata: { ...object.metadata, ...marks } })
  }
  await create(crd, {
    spec: {
      group: 'external-secrets.io',
      scope: 'Namespaced',
      names: { kind: 'ExternalSecret', plural: 'externalsecrets' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  })
  await vi.waitUntil(() => infra.isInstalled(externalSecret), { timeout: 60_000 })
  await create(values, { data: { 'values.yaml': encoded, bytes: Buffer.from([0, 255, 128, 10]).toString('base64'), empty: '' } })
  await create(fixed, {
    type: 'kubernetes.io/dockerconfigjson',
    immutable: true,
    data: { '.dockerconfigjson': Buffer.from(`{"auths":{"a":{"auth":"${canary}"}}}`).toString('base64') },
  })
  await create(subst, { data: { REGION: 'eu' }, binaryData: { blob: 'AP8=' } })
  await create(account, { imagePullSecrets: [{ name: 'registry' }] })
  await create(named, { data: { kept: 'yes' } })
  await create(externalSecret, { spec: {} })
  const owner = await infra.get(externalSecret)
  const written = manifestOf(external, { data: { token: encoded } })
  const ownerReferences = [{ apiVersion: externalSecret.apiVersion, kind: 'ExternalSecret', name: 'vault', uid: owner?.metadata.uid }]
  await infra.create({ ...written, metadata: { ...written.metadata, ownerReferences } })
  await create(byHand, {
    spec: {
      interval: '1h',
      path: './',
      prune: true,
      suspend: true,
      serviceAccountName: 'deployer',
      sourceRef: { kind: 'GitRepository', name: 'none' },
      decryption: { provider: 'sops', secretRef: { name: 'from-vault' } },
      postBuild: { substituteFrom: ['ConfigMap substitutes', 'Secret values', 'Secret nowhere'].map(pointer) },
    },
  })
  const root = manifestOf(
    { ...fluxKinds.kustomization, namespace: fluxSystem, name: 'decrypting' },
    {
      spec: {
        interval: '1h',
        path: './kubernetes/infrastructure/gitops/flux-operator',
        prune: false,
        suspend: true,
        sourceRef: { kind: 'GitRepository', name: 'none' },
        decryption: { provider: 'sops', secretRef: { name: 'sops-age' } },
      },
    },
  )
  await infra.create(root)
}

function pointer(words: string): { kind: string; name: string } {
  const [kind = '', name = ''] = words.split(' ')
  return { kind, name }
}

/** A Helm release whose memory is in Flux's namespace, and which is deployed to another. */
async function installRelease(): Promise<void> {
  mkdirSync(join(folder, 'web/templates'), { recursive: true })
  writeFileSync(join(folder, 'web/Chart.yaml'), 'apiVersion: v2\nname: web\nversion: 1.0.0\n')
  const object =
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n  namespace: team-a\ndata:\n  revision: "{{ .Release.Revision }}"\n'
  writeFileSync(join(folder, 'web/templates/web.yaml'), object)
  await helm('install', 'web', join(folder, 'web'))
  await helm('upgrade', 'web', join(folder, 'web'))
}

async function helm(...args: string[]): Promise<string> {
  const { bin, kubeconfig } = await lab.access()
  const options = ['--kubeconfig', kubeconfig, '--kube-context', 'lab-infra', '--namespace', fluxSystem]
  return execFileSync(join(bin, 'helm'), [...args, ...options], { encoding: 'utf8', env: { HOME: folder, PATH: process.env.PATH } })
}

const revisions = [1, 2].map((revision): Ref => ({ ...kinds.secret, namespace: fluxSystem, name: `sh.helm.release.v1.web.v${revision}` }))
const lost = [values, fixed, subst, account, byHand, sopsAge, named, ...revisions]

/** What must come back byte for byte: all but what only a server gives. */
function comparableFields(object: KubeObject | undefined): unknown {
  if (object === undefined) return undefined
  const { uid: _uid, resourceVersion: _version, creationTimestamp: _created, generation: _generation, ...metadata } = object.metadata
  const { managedFields, finalizers: _finalizers, ...rest } = metadata
  const { status: _status, ...fields } = object
  const owners = managedFields
    .filter(({ subresource }) => subresource === undefined)
    .map(({ manager, fieldsV1 }) => ({ manager, fieldsV1 }))
  return { ...fields, metadata: { ...rest, ...(object.kind === 'Kustomization' ? {} : { owners }) } }
}

async function remove(ref: Ref): Promise<void> {
  const live = await infra.get(ref)
  if (live?.metadata.uid === undefined) throw new Error(`there is no ${nameOf(ref)} to delete`)
  if (live.metadata.finalizers.length > 0) await infra.patch(ref, { metadata: { finalizers: null } })
  await infra.remove(ref, { uid: live.metadata.uid })
  await vi.waitUntil(async () => (await infra.get(ref)) === undefined, { timeout: 60_000 })
}

describe('a capture', () => {
  test('holds what Flux needs, tells apart what it must, and shows no secret', async () => {
    const before = temporaryNow()
    const copy = join(folder, 'elsewhere', 'copy.age')
    const running = lab.start('capture', [
      '--lab',
      '--json',
      '--verbose',
      `--out=${file}`,
      `--copy-to=${copy}`,
      `--recipient=${recipient}`,
      `--identity=${identity}`,
      '--include=configmap/mine',
    ])
    const seen = await watchProcesses(running, [canary, encoded])
    const ended = await running.ended
    expect(ended.code, ended.stderr).toBe(0)
    expect(documentOf(ended)).toMatchObject({
      outcome: 'done',
      capture: {
        file,
        copy,
        secrets: expect.arrayContaining([external, fixed, values, sopsAge].map(nameOf)),
        suspendedByHand: ['Kustomization flux-system/decrypting', nameOf(byHand)],
        inNoInventory: ['Kustomization flux-system/decrypting', nameOf(byHand)],
        externalSecrets: [nameOf(external)],
        absent: ['Secret team-a/nowhere (Kustomization team-a/by-hand: spec.postBuild.substituteFrom)'],
      },
    })
    expect(ended.stderr).toContain('2 revisions of Helm releases deployed elsewhere, 1 object named')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(copy)).toEqual(readFileSync(file))
    expect(seen).toEqual([])
    await verifyNothingLeft(lab, ended, [canary], before)
    expect(readFileSync(file, 'latin1')).not.toContain(canary)
  })

  test('is not made with a key that it would hold itself, nor over another, nor where Git would track it', async () => {
    const capture = (...flags: string[]) => lab.run('capture', ['--lab', ...flags])
    const held = await capture('--out', join(folder, 'x.age'), '--identity', join(folder, 'sops.key'))
    expect(held.code).toBe(3)
    expect(held.stderr).toContain(`sops.key is itself part of the capture (${nameOf(sopsAge)}): without the cluster, nothing could decrypt`)
    const over = await capture('--out', file)
    expect(over.code).toBe(2)
    expect(over.stderr).toContain(`${file} exists already, and may be the only good capture`)
    const tracked = await capture('--out', join(projectRoot, 'docs/x.capture'))
    expect(tracked.code).toBe(2)
    expect(tracked.stderr).toMatch(/docs\/x\.capture is in a Git checkout, .*, which does not ignore it: a capture never goes into Git/)
    const claim = await capture('--include', 'persistentvolumeclaim/data')
    expect(claim.code).toBe(2)
    expect(claim.stderr).toContain('a capture cannot contain the data of PersistentVolumeClaim flux-system/data')
    const unknown = await capture('--include', 'configmap/nobodys')
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain('there is no ConfigMap flux-system/nobodys to capture')
    for (const name of [join(folder, 'x.age'), join(projectRoot, 'docs/x.capture')]) expect(existsSync(name)).toBe(false)
  })

  test('of several contexts goes into a folder; without a key of one’s own the lab has one', async () => {
    const several = join(folder, 'several')
    const ended = await lab.run('capture', ['--lab', '--context', 'lab-infra,lab-apps', '--out', several, '--json'])
    expect(ended.code, ended.stderr).toBe(0)
    for (const context of ['lab-infra', 'lab-apps']) expect(existsSync(join(several, `${context}.age`))).toBe(true)
    expect(ended.stderr).toContain('nothing: there is no Flux here')
    const back = await lab.run('restore', ['--lab', '--from', several, '--json'])
    expect(documentOf(back)).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
    const elsewhere = await lab.run('restore', ['--lab', '--context', 'lab-apps', '--from', join(several, 'lab-infra.age'), '--yes'])
    expect(elsewhere.code).toBe(3)
    expect(elsewhere.stderr).toMatch(/lab-infra\.age is from another cluster: lab-infra at https:.* Nothing was changed/)
    const applied = await (await lab.cluster('lab-apps')).get({ ...kinds.namespace, name: 'team-a' })
    expect(applied).toBeUndefined()
  })
})

describe('the steps of a teardown', () => {
  const notes: Record<string, unknown> = {}
  const memory: RunState = { read: () => notes, write: (more) => void Object.assign(notes, more), folder: () => folder }
  const run = (): StepContext => ({
    id: 'a-run',
    script: 'teardown',
    context: 'lab-infra',
    place: 'lab-infra',
    where: '--lab --context lab-infra',
    console: createConsole({ clean: (text) => text }),
    timeout: 60_000,
    signal: infra.signal,
    clean: (text) => text,
    ...asTyped,
    cluster: infra,
    memory,
  })
  const keysOf = (): Promise<CaptureKeys> =>
    captureKeys({ own: { identity }, settings: {}, target: { isLab: false, runs: '' }, redactor: createRedactor() })
  const capturing = async (isFinal: boolean): Promise<Step> => {
    const keys = await keysOf()
    const request = { context: 'lab-infra', server: '', uid: 'a-cluster', namespace: fluxSystem, include: [] }
    return ensureCaptured({ request, keys, copyTo: undefined, isFinal: () => isFinal })
  }

  test('capture into the run’s folder, again as long as Flux is there, and never again afterwards', async () => {
    const step = await capturing(false)
    expect(await step.check(run())).toMatchObject({ is: 'todo', change: expect.stringContaining(recipient) })
    await step.apply(run(), () => undefined)
    expect(await step.check(run())).toMatchObject({ is: 'done', detail: expect.stringContaining(join(folder, 'capture.age')) })
    // The run was killed, and is continued.
    expect(await (await capturing(false)).check(run())).toMatchObject({ is: 'todo' })
    expect(await (await capturing(true)).check(run())).toMatchObject({ is: 'done' })
    writeFileSync(join(folder, 'capture.age'), 'damaged')
    expect(await (await capturing(true)).check(run())).toMatchObject({
      is: 'blocked',
      reason: expect.stringContaining('is missing, or was changed after it was written'),
    })
  })

  test('suspend again what was suspended by hand, and what this did is by hand too', async () => {
    const { decryptor } = await keysOf()
    if (decryptor === undefined) throw new Error('no identity')
    const step = ensureSuspended('suspensions', () => openCapture(file, decryptor))
    await infra.patch(byHand, { spec: { suspend: false } })
    expect(await step.check(run())).toMatchObject({ is: 'todo', change: `suspend ${nameOf(byHand)}` })
    await step.apply(run(), () => undefined)
    expect(await step.check(run())).toEqual({ is: 'done', detail: '2 of 2 are suspended' })
    const suspended = await infra.get(byHand)
    expect(suspended === undefined ? undefined : suspendedBy(suspended)).toBe('flux-runbook')
  })
})

describe('a restore', () => {
  const restore = (...flags: string[]) => lab.run('restore', ['--lab', '--from', file, '--identity', identity, '--json', ...flags])
  let before: unknown[]

  test('gives back byte for byte what was lost, and the fields to those who managed them', async () => {
    const all = [team, ...lost]
    before = await Promise.all(all.map(async (ref) => comparableFields(await infra.get(ref))))
    for (const ref of [byHand, externalSecret, sopsAge, named, ...revisions, team]) await remove(ref) // and what is in the namespace
    const temporary = temporaryNow()
    const running = lab.start('restore', ['--lab', '--from', file, '--identity', identity, '--yes', '--json', '--verbose'])
    const seen = await watchProcesses(running, [canary, encoded])
    const ended = await running.ended
    expect(ended.code, ended.stderr).toBe(0)
    expect(await Promise.all(all.map(async (ref) => comparableFields(await infra.get(ref))))).toEqual(before)
    expect(ended.stderr).toContain(`${nameOf(external)} without its owner ExternalSecret vault, which is gone`)
    expect(seen).toEqual([])
    await verifyNothingLeft(lab, ended, [canary], temporary)
    expect(await helm('history', 'web')).toMatch(/^2\s.*\sdeployed/m)
    expect(await helm('upgrade', 'web', join(folder, 'web'))).toContain('REVISION: 3')
  })

  test('leaves alone what External Secrets writes, where Helm has a newer revision, and what Git has brought by now', async () => {
    const restored = await infra.get(external)
    expect(restored).toMatchObject({ data: { token: encoded } })
    expect(restored?.metadata).not.toHaveProperty('ownerReferences')
    await infra.patch(external, { data: { token: 'bmV3' } })
    await infra.patch(byHand, { metadata: { labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps' } }, spec: { interval: '2h' } })
    await remove(values)
    const ended = await restore('--dry-run')
    expect(ended.stderr).toContain(`create ${nameOf(values)}; leave ${nameOf(external)} alone: ExternalSecret team-a/vault writes it\n`)
    expect(ended.stderr).toContain('sh.helm.release.v1.web.v2 alone: Helm is already at revision 3')
    expect(ended.stderr).toContain(`leave ${nameOf(byHand)} alone: Kustomization apps has recreated it`)
    await restore('--yes')
    expect(await infra.get(byHand)).toMatchObject({ spec: { interval: '2h' } })
    expect(await infra.get(external)).toMatchObject({ data: { token: 'bmV3' } })
  })

  test('does nothing where nothing is missing', async () => {
    const versions = async (): Promise<unknown> =>
      Promise.all([team, ...lost].map(async (ref) => (await infra.get(ref))?.metadata.resourceVersion))
    const seen = await versions()
    const ended = await restore('--yes')
    expect(documentOf(ended)).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
    expect(await versions()).toEqual(seen)
  })

  test('shows which fields differ and never their values, and makes them what was captured', async () => {
    await infra.patch(values, { metadata: { labels: { team: 'b' }, annotations: { more: 'x' } }, data: { 'values.yaml': 'c2VjcmV0' } })
    const reported = `change ${nameOf(values)}: the capture wins in metadata.labels.team, metadata.annotations.more, data[values.yaml]`
    const planned = await restore('--dry-run')
    expect(planned.stderr.replaceAll(/\s+/g, ' ')).toContain(reported)
    expect(planned.stderr).not.toMatch(/c2VjcmV0|canary/)
    const refused = await restore()
    expect(refused.code).toBe(2)
    expect(await infra.get(values)).toMatchObject({ data: { 'values.yaml': 'c2VjcmV0' } })
    const ended = await restore('--yes')
    expect(ended.code, ended.stderr).toBe(0)
    expect(comparableFields(await infra.get(values))).toEqual(before[1])
  })

  test('is stopped, before it changes anything, by what nobody can change', async () => {
    await remove(fixed)
    await infra.apply(manifestOf(fixed, { type: 'kubernetes.io/dockerconfigjson', immutable: true, data: { '.dockerconfigjson': 'e30=' } }))
    await infra.patch(subst, { data: { REGION: 'us' } })
    const ended = await restore('--yes')
    expect(ended.code).toBe(3)
    expect(ended.stderr).toContain(`${nameOf(fixed)} differs in data[.dockerconfigjson], which is immutable`)
    expect(ended.stderr).toContain(
      'to restore the captured one, delete it: npx zx scripts/lab.ts kubectl --context lab-infra -- --namespace team-a delete secret registry',
    )
    expect(await infra.get(subst)).toMatchObject({ data: { REGION: 'us' } })
  })

  test('touches nothing when the file is cut short', async () => {
    const cut = join(folder, 'cut.age')
    const whole = readFileSync(file)
    writeFileSync(cut, whole.subarray(0, whole.length - 1))
    const ended = await lab.run('restore', ['--lab', '--from', cut, '--identity', identity, '--yes'])
    expect(ended.code).toBe(3)
    expect(ended.stderr).toContain(`${cut} is damaged: it was cut short, or changed after it was written`)
    expect(await infra.get(subst)).toMatchObject({ data: { REGION: 'us' } })
  })
})
