import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { lockHolderOf, holdersIn, readLocks, stateFile } from '../../../../lib/commands/bootstrap/pulumi-locks.ts'
import { judgeStackSecrets, usualSecrets } from '../../../../lib/commands/bootstrap/checks/stack-secrets.ts'
import { judgeStackState } from '../../../../lib/commands/bootstrap/checks/stack-state.ts'
import { judgeStackFlux } from '../../../../lib/commands/bootstrap/take-over/forget-stack.ts'
import { blocks } from '../../../../lib/preflight/preflight.ts'
import { describeChanges, parsePreview, parseState, summarizeChanges } from '../../../../lib/commands/bootstrap/pulumi-output.ts'

describe('the secrets of a stack', () => {
  const stack = { name: 'infra', folder: '/fleet' }
  const judged = (config: Record<string, boolean>, names = usualSecrets.split(',')): string[] =>
    judgeStackSecrets(stack, Object.fromEntries(Object.entries(config).map(([key, isSecret]) => [key, { isSecret }])), names).map(
      ({ what, remedy }) => `${what} → ${remedy}`,
    )

  test.each([
    ['keys of a group', { 'flux:ssh_private_key': true, 'github:token': true }],
    ['keys of the project', { 'fleet:flux.ssh_private_key': true, 'fleet:github.token': true }],
    ['fields of secret objects', { 'fleet:flux': true, 'fleet:github': true }],
  ])('are found as %s', (_form, config) => {
    expect(judged(config)).toEqual([])
  })

  test('are reported where they are missing or in plain text, with the command that sets them', () => {
    expect(judged({ 'flux:ssh_private_key': false })).toEqual([
      'flux:ssh_private_key of the Pulumi stack infra is in plain text → change the secret, then: cd /fleet && pulumi config set --secret flux:ssh_private_key --stack infra <FILE',
      'the Pulumi stack infra has no config github.token, which its Flux needs → cd /fleet && pulumi config set --secret github:token --stack infra <FILE',
    ])
  })

  test('have other names where a person says so', () => {
    expect(judged({ 'git:key': true }, ['git.key'])).toEqual([])
  })
})

describe('a preview', () => {
  const urn = (type: string): string => `urn:pulumi:infra::flux::flux-runbook:index:FluxBootstrap$${type}::flux-one`
  const step = (op: string, type: string) => ({ op, urn: urn(type) })
  const { changes } = parsePreview(
    JSON.stringify({
      steps: [
        step('create', 'kubernetes:apps/v1:Deployment'),
        step('create', 'kubernetes:core/v1:Secret'),
        step('create', 'kubernetes:apps/v1:Deployment'),
        step('update', 'kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition'),
        step('same', 'kubernetes:core/v1:Namespace'),
        step('read', 'kubernetes:core/v1:Namespace'),
        step('refresh', 'kubernetes:core/v1:Namespace'),
      ],
      changeSummary: { create: 3, update: 1, same: 1 },
    }),
  )

  test('is reported by kind and change, without what stays', () => {
    expect(summarizeChanges(changes)).toEqual(['create: 2 Deployment, 1 Secret', 'update: 1 CustomResourceDefinition'])
    expect(describeChanges(changes)).toBe('3 to create, 1 to update')
  })

  test('has the objects that the program states, of what stays too', () => {
    const inputs = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'flux-git', namespace: 'flux-system' } }
    const steps = [
      { ...step('create', 'kubernetes:core/v1:Secret'), newState: { inputs } },
      { ...step('same', 'kubernetes:helm.sh/v4:Chart'), newState: { inputs: { chart: 'flux2' } } },
      step('delete', 'kubernetes:core/v1:Secret'),
      {
        ...step('refresh', 'kubernetes:core/v1:Secret'),
        newState: { inputs: { ...inputs, metadata: { name: 'the-program-has-it-no-more' } } },
      },
    ]
    expect(parsePreview(JSON.stringify({ steps })).objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'Secret flux-git',
    ])
  })

  test('names what it would lose with all that is in it, unless the program retains it', () => {
    const crd = 'kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition'
    const steps = [
      { ...step('delete', crd), oldState: { retainOnDelete: true } },
      { ...step('replace', 'kubernetes:core/v1:Namespace'), oldState: {} },
      { ...step('delete-replaced', 'kubernetes:core/v1:Namespace'), oldState: {} },
      { ...step('update', crd), oldState: {} },
      { ...step('delete', 'kubernetes:core/v1:Secret'), oldState: {} },
    ]
    expect(parsePreview(JSON.stringify({ steps })).lost).toEqual(['Namespace flux-one'])
  })

  test('that changes nothing is empty', () => {
    expect(parsePreview('{"steps": [{"op": "same", "urn": "urn:pulumi:infra::flux::a:b:C::flux"}]}')).toEqual({
      changes: [],
      objects: [],
      lost: [],
    })
    expect(describeChanges([])).toBe('')
  })
})

describe('the state of a stack', () => {
  const stack = { name: 'infra', typed: (words: string) => `pulumi ${words} --stack infra` }
  const nothing = { components: [], objects: [], dependents: [] }
  const clean = { pending: [], cluster: 'uid-1', flux: nothing }
  const judged = (...args: [state?: object, locks?: readonly { who: string; isGone: boolean }[], isOwnWork?: boolean]): string[] => {
    const [state = {}, locks = [], isOwnWork = false] = args
    return judgeStackState(stack, { ...clean, ...state }, locks, { cluster: 'uid-1', isOwnWork }).map(
      ({ is, what, remedy = '' }) => `${is}: ${what} → ${remedy}`,
    )
  }

  test('is read from what Pulumi exports', () => {
    const urn = 'urn:pulumi:infra::flux::flux-runbook:index:FluxBootstrap$kubernetes:core/v1:Namespace::flux-which-cluster'
    const anchor = { urn, id: 'kube-system', outputs: { metadata: { uid: 'uid-1' } } }
    const interrupted = { type: 'creating', resource: { urn: 'urn:pulumi:infra::flux::kubernetes:core/v1:Secret::flux-flux-git' } }
    expect(parseState(JSON.stringify({ deployment: { resources: [anchor], pending_operations: [interrupted] } }))).toMatchObject({
      pending: ['creating flux-flux-git'],
      cluster: 'uid-1',
    })
  })

  test('has what is below the component, and who beside it depends on that', () => {
    const below = 'urn:pulumi:infra::fleet::flux-runbook:index:FluxBootstrap$'
    const component = `${below.slice(0, -1)}::flux`
    const source = `${below}kubernetes:source.toolkit.fluxcd.io/v1:GitRepository::flux-source`
    const provider = `${below}pulumi:providers:kubernetes::flux-cluster`
    const metadata = { name: 'flux-system', namespace: 'flux-system' }
    const resources = [
      { urn: 'urn:pulumi:infra::fleet::pulumi:pulumi:Stack::fleet-infra' },
      { urn: component, parent: 'urn:pulumi:infra::fleet::pulumi:pulumi:Stack::fleet-infra' },
      { urn: provider, parent: component, inputs: { kubeconfig: '' } },
      { urn: source, parent: component, inputs: { apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'GitRepository', metadata } },
      { urn: 'urn:pulumi:infra::fleet::kubernetes:core/v1:ConfigMap::alone', dependencies: null },
      { urn: 'urn:pulumi:infra::fleet::kubernetes:core/v1:ConfigMap::after', dependencies: [source] },
      { urn: 'urn:pulumi:infra::fleet::kubernetes:core/v1:ConfigMap::through', provider: `${provider}::0c2c7f3a` },
    ]
    const { flux } = parseState(JSON.stringify({ deployment: { resources } }))
    expect(flux).toEqual({
      components: [component],
      objects: [{ apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'GitRepository', ...metadata }],
      dependents: ['after', 'through'],
    })
    const typed = (words: string): string => `pulumi ${words} --stack infra`
    expect(judgeStackFlux({ name: 'infra', typed }, { flux }, false)).toEqual([
      blocks(
        'resources of the Pulumi stack infra depend on its Flux, and would leave the state with it: after, through',
        'remove that dependency from the program, then: pulumi up --stack infra',
      ),
    ])
    expect(judgeStackFlux({ name: 'infra', typed }, { flux: nothing }, false)).toMatchObject([{ is: 'notice' }])
    expect(judgeStackFlux({ name: 'infra', typed }, { flux: nothing }, true)).toEqual([])
  })

  test.each(['{"version": 3, "deployment": null}', '{"version": 3, "deployment": {}}'])(
    'that was never deployed is empty: %s',
    (exported) => {
      expect(parseState(exported)).toEqual({ pending: [], cluster: undefined, flux: nothing })
    },
  )

  test('is in nobody’s way where it is this cluster’s, or not reported whose', () => {
    expect(judged()).toEqual([])
    expect(judged({ cluster: undefined })).toEqual([])
  })

  test('blocks where it is of another cluster, even for a run that was interrupted', () => {
    const blocked = [
      'blocks: the Pulumi stack infra was deployed to another cluster: the UID of its kube-system was uid-2, and is uid-1 here → name the stack of this cluster in PULUMI_STACK',
    ]
    expect(judged({ cluster: 'uid-2' })).toEqual(blocked)
    expect(judged({ cluster: 'uid-2' }, [], true)).toEqual(blocked)
  })

  test('blocks where it is locked, or was left halfway', () => {
    expect(judged({ pending: ['creating flux-flux-git'] }, [{ who: 'ada@laptop, process 7', isGone: false }])).toEqual([
      'blocks: the Pulumi stack infra is locked by ada@laptop, process 7 → wait until it ends; or: pulumi cancel --stack infra',
      'blocks: the Pulumi stack infra has operations that were interrupted: creating flux-flux-git → check whether they were carried out, then: pulumi refresh --clear-pending-creates --stack infra',
    ])
  })

  test('is cleared by the run that left it so, and by no other', () => {
    const gone = [{ who: 'ada@laptop, process 7', isGone: true }]
    expect(judged({ pending: ['creating flux-flux-git'] }, gone, true)).toEqual([
      'notice: pulumi up of this run was interrupted, and left the stack infra locked or halfway: this run clears that → ',
    ])
    expect(judged({}, gone)).toEqual([
      'blocks: the Pulumi stack infra is locked by ada@laptop, process 7, which is gone → pulumi cancel --stack infra',
    ])
    expect(judged({}, [{ who: 'bo@desk, process 9', isGone: false }], true)).toEqual([
      'blocks: the Pulumi stack infra is locked by bo@desk, process 9 → wait until it ends; or: pulumi cancel --stack infra',
    ])
  })

  test('names who holds its lock, and knows of this machine alone whether they are gone', () => {
    const reported = `error: the stack is currently locked by 2 lock(s). Either wait for the other process(es) to end or delete the lock file with \`pulumi cancel\`.
  file:///state/.pulumi/locks/organization/flux/infra/a.json: created by ada@${hostname()} (pid ${process.pid}) at 2026-11-30T00:00:00Z
  file:///state/.pulumi/locks/organization/flux/infra/b.json: created by bo@elsewhere (pid 1) at 2026-11-30T00:00:00Z`
    expect(holdersIn(reported)).toEqual([
      { who: `ada@${hostname()}, process ${process.pid}`, isGone: false },
      { who: 'bo@elsewhere, process 1', isGone: false },
    ])
    expect(lockHolderOf('ada', hostname(), 2 ** 22 + 1).isGone).toBe(true)
    expect(holdersIn('error: the stack does not exist')).toEqual([])
  })
})

describe('the locks of a stack', () => {
  test('are read where the backend is a folder, with the marks that the engine puts beside them left out', async () => {
    const root = mkdtempSync(join(tmpdir(), 'frb locks '))
    onTestFinished(() => rmSync(root, { recursive: true }))
    expect(await readLocks(`file://${root}`, 'infra', '/fleet')).toEqual([])
    for (const stack of ['infra', 'apps']) {
      const folder = join(root, '.pulumi/locks/organization/flux', stack)
      mkdirSync(folder, { recursive: true })
      writeFileSync(
        join(folder, 'a.json'),
        JSON.stringify({ pid: 7, username: stack, hostname: 'elsewhere', timestamp: '2026-11-30T00:00:00Z' }),
      )
      writeFileSync(join(folder, 'a.json.attrs'), '{"user.content_type": "application/json"}')
    }
    const held = [{ who: 'infra@elsewhere, process 7', isGone: false }]
    expect(await readLocks(`file://${root}?no_tmp_dir=true`, 'organization/flux/infra', '/fleet')).toEqual(held)
    expect(await readLocks('file://./state', 'infra', '/fleet')).toEqual([])
    expect(await readLocks(`file://./${root.split('/').at(-1)}`, 'infra', tmpdir())).toEqual(held)
    expect(await readLocks('s3://bucket', 'infra', '/fleet')).toEqual([])
    expect(await readLocks(undefined, 'infra', '/fleet')).toEqual([])
  })

  test('its state before the last change is beside its state, where the backend is a folder', async () => {
    const root = mkdtempSync(join(tmpdir(), 'frb state '))
    onTestFinished(() => rmSync(root, { recursive: true }))
    const stacks = join(root, '.pulumi/stacks/flux')
    mkdirSync(stacks, { recursive: true })
    writeFileSync(join(stacks, 'infra.json'), '')
    expect(await stateFile(`file://${root}`, 'infra', '/fleet')).toBeUndefined()
    writeFileSync(join(stacks, 'infra.json.bak'), '{}')
    expect(await stateFile(`file://${root}`, 'organization/flux/infra', '/fleet')).toBe(join(stacks, 'infra.json'))
    expect(await stateFile('s3://bucket', 'infra', '/fleet')).toBeUndefined()
  })
})
