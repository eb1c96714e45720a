import { Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import fc from 'fast-check'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { stringify } from 'yaml'
import { listenOn } from '../../lab/ports.ts'
import { escapeHtml, escapeMarkdown, visible } from '../../lib/base/outside-text.ts'
import { createRedactor } from '../../lib/base/redactor.ts'
import { openCapture } from '../../lib/capture/file.ts'
import { parseSettings } from '../../lib/connection/cluster-settings.ts'
import { accessIn } from '../../lib/connection/kubeconfig.ts'
import { findOutside } from '../../lib/desired-state/kustomize-references.ts'
import { decodeRelease } from '../../lib/flux/helm-release.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { readinessOf } from '../../lib/flux/readiness.ts'
import { clusterAt } from '../../lib/kubernetes/client.ts'
import { kinds, parseObject } from '../../lib/kubernetes/objects.ts'
import { parseObjects } from '../../lib/kubernetes/manifest.ts'
import { socketEndpoint } from '../../lib/kubernetes/transport.ts'
import { holderOf, verifyUnlocked } from '../../lib/runner/lock.ts'
import { contextFolder, findInterrupted, knownCluster, lastDuration } from '../../lib/runner/run-store.ts'
import { findArtifact, listTags, pullLayer } from '../../lib/tools/registry.ts'
import { filesInTar } from '../../lib/tools/tar.ts'
import { fuzz, readsOrRefuses, withBug } from './fuzzer.ts'

const home = mkdtempSync(join(tmpdir(), 'frb-fuzz-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const junk = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.constantFrom(null, -1, 1e308, '', '\0', '../x', '--flag', '\u202e'))

/** A value like this one, of which parts are missing, and others are something else. */
function likeThis(value: unknown): fc.Arbitrary<unknown> {
  const kept = Array.isArray(value)
    ? fc.tuple(...value.map(likeThis))
    : typeof value === 'object' && value !== null
      ? fc.record(Object.fromEntries(Object.entries(value).map(([key, one]) => [key, likeThis(one)])), { requiredKeys: [] })
      : fc.constant(value)
  return fc.oneof({ weight: 9, arbitrary: kept }, { weight: 1, arbitrary: junk })
}

/** A text that holds such a value, or anything. */
const textOf = (value: unknown): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 4, arbitrary: likeThis(value).map((one) => JSON.stringify(one)) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
  )

/** Bytes of which some are others, or which end early. */
const damaged = (bytes: Uint8Array): fc.Arbitrary<Buffer> =>
  fc.tuple(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 8 }), fc.nat(bytes.length)).map(([changes, length]) => {
    const copy = Buffer.from(bytes)
    for (const [at, byte] of changes) copy[at] = byte
    return copy.subarray(0, length)
  })

describe('any input is read or refused', () => {
  const config = {
    contexts: [{ name: 'infra', context: { cluster: 'c', user: 'u' } }],
    users: [{ name: 'u', user: { exec: { command: 'aws', interactiveMode: 'Never' } } }],
    clusters: [{ name: 'c', cluster: { server: 'https://infra' } }],
  }
  const readAccess = (text: string): unknown => accessIn(text, 'infra')
  fuzz('kubeconfig', {
    runs: 1000,
    subject: readAccess,
    planted: withBug(readAccess, (text) => text.includes('"contexts":') && !text.includes('"users":')),
    property: (read) => fc.asyncProperty(textOf(config), (text) => readsOrRefuses(() => read(text))),
  })

  const settings = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'flux-settings' },
    data: { git_url: 'https://x', git_ref: 'y' },
  }
  const yaml = fc.oneof(
    likeThis(settings).map((one) => stringify(one)),
    fc.string(),
    fc.string({ unit: 'binary' }),
  )
  const readSettings = (text: string): unknown => parseSettings(text, 'settings.yaml')
  fuzz('settings.yaml', {
    runs: 1000,
    subject: readSettings,
    planted: withBug(readSettings, (text) => text.includes('data:') && text.includes('git_ref: null')),
    property: (read) => fc.asyncProperty(yaml, (text) => readsOrRefuses(() => read(text))),
  })
  fuzz('manifests', {
    runs: 500,
    subject: parseObjects,
    planted: withBug(parseObjects, (text) => text.includes('kind: ConfigMap') && !text.includes('metadata:')),
    property: (read) => fc.asyncProperty(yaml, (text) => readsOrRefuses(() => read(text))),
  })

  const repository = join(home, 'repository')
  mkdirSync(join(repository, 'app'), { recursive: true })
  writeFileSync(join(home, 'secret.yaml'), 'a: b\n')
  const kustomization = {
    resources: ['file:///x', 'a.yaml', ['gh:a/b']],
    components: ['../../'],
    patches: [{ path: '../../secret.yaml', target: { kind: 'Secret' } }],
    generators: ['kind: ConfigMapGenerator\nfiles: [../../secret.yaml]\n'],
    commonLabels: { path: 'https://example.com/x' },
  }
  const leads = /"(file:\/\/\/x|gh:a\/b|\.\.\/\.\.\/|\.\.\/\.\.\/secret\.yaml|kind: ConfigMapGenerator[^"]*)"/
  const outsideOf = async (text: string): Promise<number> => {
    writeFileSync(join(repository, 'app', 'kustomization.yaml'), text)
    return (await findOutside(repository, 'app')).length
  }
  fuzz('a kustomization, whose ways out are all found', {
    runs: 300,
    subject: outsideOf,
    planted: (text) => (text.includes('"resources"') ? outsideOf(text) : Promise.resolve(0)), // it knows resources alone
    property: (read) =>
      fc.asyncProperty(textOf(kustomization), (text) =>
        readsOrRefuses(async () => {
          const found = await read(text)
          if (leads.test(text)) expect(found).toBeGreaterThan(0)
        }),
      ),
  })

  const said = fc.record({
    type: fc.constantFrom('Ready', 'Stalled', 'Reconciling', ''),
    status: fc.constantFrom('True', 'False', 'Unknown', 'x'),
    reason: fc.string({ unit: 'binary' }),
    message: fc.string({ unit: 'binary' }),
    observedGeneration: fc.integer({ min: -1, max: 3 }),
  })
  const readConditions = (conditions: readonly object[]): string => {
    const metadata = { name: 'apps', namespace: 'shop', generation: 2 }
    const readiness = readinessOf(parseObject({ ...fluxKinds.kustomization, metadata, status: { conditions } }))
    return Object.values(readiness)
      .filter((one) => typeof one === 'string')
      .join(' ')
  }
  fuzz('conditions, of which Ready alone makes an object ready', {
    runs: 500,
    subject: readConditions,
    planted: (conditions) => (conditions.length === 0 ? 'ready' : readConditions(conditions)),
    property: (read) =>
      fc.property(fc.array(said, { maxLength: 4 }), (conditions) => {
        const isReady = conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
        expect(read(conditions).startsWith('ready') && !isReady).toBe(false)
      }),
  })

  const file = (name: string): string => {
    const path = join(contextFolder(home, 'infra'), name)
    mkdirSync(dirname(path), { recursive: true })
    return path
  }
  const memory = {
    script: 'bootstrap',
    context: 'infra',
    uid: 'one',
    server: 's',
    host: 'h',
    pid: 1,
    started: '',
    ended: 'failed',
    notes: {},
  }
  const runFiles = fc.oneof(textOf(memory), textOf({ outcome: 'done', startedAt: '', finishedAt: '' }), textOf({ uid: 'one', server: 's' }))
  const readRun = async (text: string): Promise<void> => {
    for (const path of [file('1-bootstrap/run.json'), file('1-bootstrap/report.json'), file('cluster.json')]) writeFileSync(path, text)
    await readsOrRefuses(() => findInterrupted(home, 'infra', 'bootstrap', ''))
    await readsOrRefuses(() => knownCluster(home, 'infra'))
    lastDuration(home, 'infra', 'bootstrap')
  }
  fuzz("a run's files", {
    runs: 300,
    subject: readRun,
    planted: withBug(readRun, (text) => text.includes('"script":"bootstrap"') && !text.includes('"notes"')),
    property: (read) => fc.asyncProperty(runFiles, read),
  })

  const none = clusterAt(
    socketEndpoint('/nowhere'),
    { milliseconds: 0, trouble: () => undefined, over: () => undefined },
    new AbortController().signal,
  )
  const holder = holderOf('run')
  const spec = likeThis({ holderIdentity: holder, leaseDurationSeconds: 30, renewTime: '2026-11-28T00:00:00.000000Z' })
  const annotations = fc.dictionary(fc.constantFrom('flux-runbook/phase', 'flux-runbook/process'), fc.string({ unit: 'binary' }))
  const readLease = (one: unknown, others: Record<string, string>): Promise<void> => {
    const metadata = { name: 'flux-runbook', namespace: 'kube-system', annotations: others }
    const lease = parseObject({ ...kinds.lease, metadata, spec: one })
    return verifyUnlocked({ ...none, get: () => Promise.resolve(lease) }, 'kube-system', holder)
  }
  fuzz('a Lease', {
    runs: 500,
    subject: readLease,
    planted: withBug(readLease, (one) => typeof one === 'object' && one !== null && !('renewTime' in one)),
    property: (read) => fc.asyncProperty(spec, annotations, (one, others) => readsOrRefuses(() => read(one, others))),
  })

  const readRelease = (text: string, isZipped: boolean): unknown => {
    const release = Buffer.from((isZipped ? gzipSync(text) : Buffer.from(text)).toString('base64')).toString('base64')
    return decodeRelease(parseObject({ ...kinds.secret, metadata: { name: 'r' }, data: { release } }))
  }
  fuzz("Helm's storage", {
    runs: 300,
    subject: readRelease,
    planted: withBug(readRelease, (text, isZipped) => isZipped && text.startsWith('{"namespace"') && !text.includes('"manifest"')),
    property: (read) =>
      fc.asyncProperty(textOf({ namespace: 'shop', manifest: 'kind: x' }), fc.boolean(), (text, isZipped) =>
        readsOrRefuses(() => read(text, isZipped)),
      ),
  })

  const archive = Buffer.alloc(2048)
  archive.write('file', 0)
  archive.write('00000000005', 124)
  archive.write('0', 156)
  archive.write('ustar', 257)
  archive.write('hello', 512)
  const readTar = (bytes: Buffer): unknown => filesInTar(bytes)
  fuzz('a tar archive', {
    runs: 2000,
    subject: readTar,
    planted: withBug(readTar, (bytes) => bytes.length > 512 && bytes.length < 1024), // a file that ends before its size
    property: (read) => fc.asyncProperty(damaged(archive), (bytes) => readsOrRefuses(() => read(bytes))),
  })
  fuzz('bytes that are not a tar archive', {
    runs: 300,
    subject: readTar,
    planted: withBug(readTar, (bytes) => bytes.length > 2048),
    property: (read) =>
      fc.asyncProperty(fc.uint8Array({ maxLength: 4096, size: 'max' }), (bytes) => readsOrRefuses(() => read(Buffer.from(bytes)))),
  })
})

describe('a capture is read or refused', async () => {
  const identity = await generateX25519Identity()
  const recipient = await identityToRecipient(identity)
  const decryptor = { is: 'identities', file: 'key', identities: [{ secret: identity, recipient }] } as const
  const header = {
    format: 'flux-runbook capture',
    schemaVersion: 1,
    context: 'infra',
    server: 's',
    uid: 'u',
    namespace: 'n',
    takenAt: 't',
    entries: 1,
  }
  const was = { uid: 'u', resourceVersion: '1', finalizers: [], ownerReferences: [], managedFields: [] }
  const entry = { role: 'referred', because: [], was, object: { ...kinds.secret, metadata: { name: 'a', namespace: 'n' } } }
  const seal = (text: string): Promise<Uint8Array> => {
    const encrypter = new Encrypter()
    encrypter.addRecipient(recipient)
    return encrypter.encrypt(gzipSync(text))
  }
  const capture = join(home, 'capture.age')
  const open = (bytes: Uint8Array): Promise<unknown> => {
    writeFileSync(capture, bytes)
    return openCapture(capture, decryptor)
  }
  const good = await seal(`${JSON.stringify(header)}\n${JSON.stringify(entry)}\n`)
  expect(await open(good)).toMatchObject({ entries: [{ role: 'referred' }] })

  fuzz('damaged', {
    runs: 60,
    subject: open,
    planted: withBug(open, (bytes) => bytes.length > 10 && bytes.length < good.length),
    property: (read) => fc.asyncProperty(damaged(good), (bytes) => readsOrRefuses(() => read(bytes))),
  })
  const sealed = async (text: string): Promise<unknown> => open(await seal(text))
  fuzz('with anything in it', {
    runs: 60,
    subject: sealed,
    planted: withBug(sealed, (text) => text.includes('"entries":1') && !text.includes('"was"')),
    property: (read) =>
      fc.asyncProperty(fc.tuple(textOf(header), textOf(entry)), (lines) => readsOrRefuses(() => read(`${lines.join('\n')}\n`))),
  })
})

describe('a registry', () => {
  let host = ''
  let answer = { status: 200, body: '', challenge: '' }
  const server = createServer((_, response) => {
    response.writeHead(answer.status, { 'www-authenticate': answer.challenge }).end(answer.body)
  })
  beforeAll(async () => {
    host = `127.0.0.1:${await listenOn(server, 0)}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  const manifest = { layers: [{ digest: `sha256:${'0'.repeat(64)}`, mediaType: 'x' }], tags: ['v1'], token: 'x' }
  const realm = fc.constantFrom(
    '',
    'Basic',
    'Bearer',
    'Bearer realm="here"',
    'Bearer realm="http://example.com"',
    'Bearer realm="https://127.0.0.1:1/"',
  )
  const answers = fc.record({ status: fc.constantFrom(200, 200, 401, 403, 404, 500), body: textOf(manifest), challenge: realm })
  const { signal } = new AbortController()
  const askIt = async (next: typeof answer): Promise<void> => {
    answer = next
    const artifact = { host, repository: 'a', reference: 'b' }
    for (const ask of [findArtifact, listTags, pullLayer])
      await readsOrRefuses(() => ask(artifact, { username: 'u', password: 'pass' }, signal))
  }
  fuzz('that answers anything is understood or refused', {
    runs: 12,
    subject: askIt,
    planted: withBug(askIt, ({ status, challenge }) => status === 401 && challenge.startsWith('Bearer')),
    property: (ask) => fc.asyncProperty(answers, ask),
  })
})

describe('any text', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
    fc.string().map((text) => `\u001b[2K\r${text}\u202e\n#`),
  )

  fuzz('shows nothing hidden, and the same when it is shown twice', {
    runs: 1000,
    subject: { visible, escapeHtml, escapeMarkdown },
    // It knows the control characters, and forgets those that turn the direction of writing.
    planted: { visible: (text) => text.replaceAll(/(?![\n\t])\p{Cc}/gu, '�'), escapeHtml, escapeMarkdown },
    property: (gate) =>
      fc.property(texts, (text) => {
        const shown = gate.visible(text)
        expect(shown).not.toMatch(/(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
        expect(gate.visible(shown)).toBe(shown)
        expect(gate.escapeHtml(text)).not.toMatch(/[<>"]/)
        expect(gate.escapeMarkdown(text)).not.toMatch(/^(#|>|- )|(?<!\\)(\\\\)*[<`|]/m)
      }),
  })

  const cleaned = (secret: string, text: string): string => {
    const redactor = createRedactor()
    redactor.hide(secret)
    return redactor.clean(text)
  }
  fuzz('has no secret in any form', {
    runs: 300,
    subject: cleaned,
    // It knows a secret as it is written, in JSON and in URLs, and in no base64.
    planted: (secret, text) => {
      const forms = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), escapeHtml(secret)]
      return forms.reduce((now, form) => now.replaceAll(form, () => '***'), text)
    },
    property: (clean) =>
      fc.property(fc.string({ minLength: 8, unit: 'grapheme-ascii' }), fc.string(), fc.string(), (secret, before, after) => {
        fc.pre(secret.trim() === secret && secret.length >= 8)
        const whole = `${before}${secret}${after}`
        const base64 = Buffer.from(whole).toString('base64')
        const forms = [
          whole,
          JSON.stringify({ whole }),
          encodeURIComponent(secret),
          base64,
          Buffer.from(whole).toString('base64url'),
          escapeHtml(secret),
        ]
        for (const form of forms) expect(clean(secret, form)).toContain('***')
      }),
  })
})
