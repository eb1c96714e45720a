import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, parseObject } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { bootstrapping } from './ended-commands.ts'
import { endEach, stepsOf, threeByChance } from './endings.ts'
import { documentOf, type Ended, startLab, type TestLab } from './harness.ts'
import { lease, verifyAsUndisturbed } from './killed-bootstrap.ts'

const namespace = 'flux-system'
let lab: TestLab
let cluster: Cluster

beforeAll(async () => {
  lab = await startLab(['infra'])
  await lab.snapshot('empty')
})
afterAll(() => lab.close())
beforeEach(async () => {
  await lab.reset('empty')
  rmSync(join(lab.home, 'runs'), { recursive: true, force: true })
  cluster = await lab.cluster('lab-infra')
})

// test/long/bootstrap-kills.test.ts and test/long/bootstrap-endings.test.ts do it at every step.
describe('a bootstrap that is interrupted', () => {
  test('by endings that nobody asks for, at three steps by seed, comes to the same end, and never writes without the lock', async () => {
    const command = bootstrapping(lab, () => lab.cluster('lab-infra'))
    await command.begin()
    await endEach(command, threeByChance(await stepsOf(command), Number(process.env.ENDINGS_SEED ?? 4)))
  })

  test('by Ctrl-C, and continuing by SIGTERM, stops cleanly, says what was done, and continues', async () => {
    const stop = async (signal: NodeJS.Signals, moment: RegExp, reported: RegExp, ...flags: string[]): Promise<Ended> => {
      const running = lab.start('bootstrap', ['--lab', '--yes', '--json', ...flags])
      await running.said(moment)
      running.kill(signal)
      const stopped = await running.ended
      expect(stopped.code).toBe(130)
      expect(stopped.stderr).toMatch(reported)
      expect(stopped.stderr).toContain('→ to continue from here: npx zx scripts/bootstrap.ts --lab --yes --json --resume\n')
      expect(documentOf(stopped)).toMatchObject({ outcome: 'cancelled', exitCode: 130 })
      expect(await cluster.get(lease)).toBeUndefined()
      return stopped
    }
    const installed = 'Create the namespace flux-system; Give Flux the login for Git; Install flux-operator 0\\.59\\.0'
    // Else Flux may have taken over by itself before the run gets there.
    const allow = await forbid('helm.toolkit.fluxcd.io', 'helmreleases')
    const stopped = await stop(
      'SIGINT',
      /^◎ Install Flux: apply/m,
      new RegExp(`^✗ stopped; done so far: ${installed}; in the middle of: Install Flux: apply the FluxInstance$`, 'm'),
    )
    await stop(
      'SIGTERM',
      /^◎ reading the cluster/m,
      new RegExp(`^✗ stopped; nothing more was changed; done so far: ${installed}; in the middle of: Install Flux: `, 'm'),
      '--resume',
    )
    // What the operator has finished by itself meanwhile is nothing that the run has done.
    await stop(
      'SIGTERM',
      /^◎ Hand over to Git/m,
      new RegExp(`^✗ stopped; done so far: ${installed}(; .+)?; in the middle of: Hand over to Git`, 'm'),
      '--resume',
    )
    await allow()
    // The API forgets the policy a moment later, and kustomize-controller's own next attempt is a minute off.
    const ask = async (): Promise<unknown> => {
      const annotations = { 'reconcile.fluxcd.io/requestedAt': new Date().toISOString() }
      await cluster.patch({ ...fluxKinds.kustomization, namespace, name: 'infra-gitops-flux-operator' }, { metadata: { annotations } })
      return cluster.get({ ...fluxKinds.helmRelease, namespace, name: 'flux-operator' })
    }
    await expect.poll(ask, { interval: 2000, timeout: 60_000 }).toBeDefined()
    const resumed = await lab.run('bootstrap', ['--lab', '--yes', '--resume', '--json'])
    expect(documentOf(resumed)).toMatchObject({ exitCode: 0, runId: documentOf(stopped).runId })
    await verifyAsUndisturbed(lab, cluster)
  })
})

describe('the lock', () => {
  const heldBy = (holder: string, renewed: Date) =>
    parseObject({
      ...kinds.lease,
      metadata: { name: lease.name, namespace: lease.namespace, annotations: { 'flux-runbook/phase': 'Install Flux' } },
      spec: { holderIdentity: holder, leaseDurationSeconds: 30, renewTime: renewed.toISOString().replace('Z', '000Z') },
    })

  test('two at once: one is reported who holds it, and in which phase', async () => {
    const first = lab.start('bootstrap', ['--lab', '--yes'])
    await first.said('◎ Install Flux: apply the FluxInstance')
    const health = await lab.run('health-check', ['--lab'])
    expect(health.code).toBe(1)
    expect(health.stderr).toMatch(/^◎ \S+@\S+ \S+-bootstrap is changing this cluster, in phase: /m)
    expect(health.stdout).toMatch(/✗ lab-infra is not healthy while \S+@\S+ \S+-bootstrap is changing it, in phase: /)
    expect(health.stdout + health.stderr).not.toContain('recover.ts')
    const second = await lab.run('bootstrap', ['--lab', '--yes', '--fresh', '--json'])
    expect(second.code).toBe(4)
    expect(second.stderr).toMatch(/\S+@\S+ \S+-bootstrap holds the lock of this cluster, in phase: /)
    expect(documentOf(second)).toMatchObject({ outcome: 'locked', exitCode: 4, steps: [] })
    // Once all is done and verified, a late Ctrl-C finds nothing to stop: not even the summary, slow as the API is by then.
    await first.said('✔ Hand over to Git')
    await lab.setFault('api-slow=300')
    await first.said('✔ Verify Flux')
    first.kill('SIGINT')
    expect(await first.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('Flux v2.9.5 manages itself on lab-infra') })
    await lab.clearFaults()
  })

  test('removed in the middle, stops the loser before its next write', async () => {
    const running = lab.start('bootstrap', ['--lab', '--yes'])
    await running.said('◎ Install flux-operator')
    await cluster.apply(heldBy('someone@else other-run', new Date()), { manager: 'someone-else' })
    const ended = await running.ended
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain('the lock of this cluster was lost to someone@else other-run; nothing more was changed')
    expect(await cluster.list(fluxKinds.fluxInstance)).toEqual([])
    expect((await cluster.get(lease))?.spec).toMatchObject({ holderIdentity: 'someone@else other-run' })
  })

  test('of another run that died is taken over once it has expired, and not before', async () => {
    await cluster.apply(heldBy('someone@else dead-run', new Date()), { manager: 'someone-else' })
    expect((await lab.run('bootstrap', ['--lab', '--yes'])).code).toBe(4)
    await cluster.apply(heldBy('someone@else dead-run', new Date(Date.now() - 31_000)), { manager: 'someone-else' })
    const running = lab.start('bootstrap', ['--lab', '--yes'])
    await running.said('✔ Create the namespace')
    running.kill('SIGTERM')
    expect((await running.ended).code).toBe(130)
  })

  test('killed while it takes it, a run is known again; one that does not get it leaves nothing behind', async () => {
    const folder = join(lab.home, 'runs', 'lab-infra')
    const runs = (): string[] => (existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('-bootstrap')) : [])
    const others = 'someone@else dead-run'
    // Lapsed: it is watched for some seconds before it is taken over, so that there is time.
    await cluster.apply(heldBy(others, new Date(Date.now() - 31_000)), { manager: 'someone-else' })
    const killed = lab.start('bootstrap', ['--lab', '--yes'])
    // Before it is noted, it has done nothing that anyone would resume.
    const isNoted = (): boolean => runs().some((run) => existsSync(join(folder, run, 'run.json')))
    await expect.poll(isNoted, { timeout: 60_000, interval: 50 }).toBe(true)
    expect((await cluster.get(lease))?.spec).toMatchObject({ holderIdentity: others })
    killed.kill('SIGKILL')
    await killed.ended
    const [known] = runs()
    const undecided = await lab.run('bootstrap', ['--lab', '--yes'])
    expect(undecided.code).toBe(2)
    expect(undecided.stderr).toContain('→ to resume it: npx zx scripts/bootstrap.ts --lab --yes --resume\n')

    const late = lab.start('bootstrap', ['--lab', '--yes', '--fresh'])
    await expect.poll(runs, { timeout: 60_000, interval: 50 }).toHaveLength(2)
    await cluster.apply(heldBy(others, new Date()), { manager: 'someone-else' })
    expect(await late.ended).toMatchObject({ code: 4, stderr: expect.stringContaining(`${others} holds the lock of this cluster`) })
    expect(runs()).toEqual([known])

    await cluster.remove(lease, { uid: (await cluster.get(lease))?.metadata.uid ?? '' })
    const resumed = lab.start('bootstrap', ['--lab', '--yes', '--resume'])
    await resumed.said(`resuming the run ${known}`)
    await resumed.said('✔ Create the namespace')
    resumed.kill('SIGTERM')
    expect((await resumed.ended).code).toBe(130)
  })
})

describe('a dry run', () => {
  test('of an empty, a half-made and a finished cluster changes nothing, and its plan is what is then done', async () => {
    const everything = (): Promise<string[]> => stateOf(cluster)
    const planOf = async (): Promise<string[]> => {
      const before = await unchanging(everything)
      const planned = await lab.run('bootstrap', ['--lab', '--dry-run', '--json'])
      expect(planned.code).toBe(0)
      expect(await everything()).toEqual(before)
      return documentOf(planned).steps.flatMap(({ id, state }) => (state === 'planned' ? [id] : []))
    }
    const empty = await planOf()
    expect(empty).toEqual(['namespace', 'git-credentials', 'flux-operator', 'flux-instance', 'sync', 'takeover', 'verify'])
    // No signal comes at the same moment each time; nor is a cluster idle whose operator has just been given what to install.
    const allow = await forbid('fluxcd.controlplane.io', 'fluxinstances')
    const half = await lab.run('bootstrap', ['--lab', '--yes', '--json'])
    expect(half.code, half.stderr).toBe(1)
    expect(half.stderr).toContain('not while this test looks')
    await allow()
    const rest = await planOf()
    expect(rest).toEqual(['flux-instance', 'sync', 'takeover', 'verify'])
    const done = documentOf(await lab.run('bootstrap', ['--lab', '--yes', '--resume', '--json']))
    expect(done.steps.flatMap(({ id, state }) => (state === 'done' ? [id] : []))).toEqual(rest)
    const finished = documentOf(await lab.run('bootstrap', ['--lab', '--dry-run', '--json']))
    expect(finished).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
  })
})

/** Keeps everyone from making objects of this kind; returns what lets them again. */
async function forbid(group: string, resource: string): Promise<() => Promise<void>> {
  const policy = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: resource },
    spec: {
      matchConstraints: { resourceRules: [{ apiGroups: [group], apiVersions: ['*'], operations: ['CREATE'], resources: [resource] }] },
      validations: [{ expression: 'false', message: 'not while this test looks' }],
    },
  }
  const binding = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: resource },
    spec: { policyName: resource, validationActions: ['Deny'] },
  }
  const made = await Promise.all([policy, binding].map((object) => cluster.apply(parseObject(object))))
  return async () => {
    for (const { metadata, ...kind } of made) await cluster.remove({ ...kind, name: metadata.name }, { uid: metadata.uid ?? '' })
  }
}

/** The state once two reads, two seconds apart, are the same: controllers have finished what the run before set off. */
async function unchanging(read: () => Promise<string[]>): Promise<string[]> {
  let last = await read()
  await expect
    .poll(
      async () => {
        const before = last
        last = await read()
        return isDeepStrictEqual(last, before)
      },
      { interval: 2000, timeout: 60_000 },
    )
    .toBe(true)
  return last
}

/** Every object that a person or a script could have changed, by its resourceVersion. */
async function stateOf(of: Cluster): Promise<string[]> {
  const watched = [
    kinds.namespace,
    kinds.secret,
    kinds.configMap,
    kinds.serviceAccount,
    kinds.crd,
    kinds.deployment,
    fluxKinds.fluxInstance,
  ]
  const lists = await Promise.all(watched.map((kind) => of.list(kind)))
  const leases = (await of.list(kinds.lease)).filter(({ metadata }) => metadata.name === lease.name)
  // The operator writes this one by itself, some seconds after it has started.
  const ours = lists.flat().filter(({ metadata }) => metadata.name !== 'flux-operator-entitlement')
  return [...ours, ...leases].map(({ kind, metadata: { name, uid, resourceVersion } }) => `${kind} ${name} ${uid} ${resourceVersion}`)
}
