import * as v from 'valibot'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { kinds } from '../../lib/cluster/objects.ts'
import { documentOf } from './harness.ts'
import { namespace, newTags, type OlderLab, oldTags, settings, startOlderLab, tags, unready, wanted } from './older-flux.ts'

let lab: OlderLab

beforeAll(async () => {
  lab = await startOlderLab()
})
afterAll(() => lab.close())

describe('beforehand', () => {
  test('what cannot be is refused, all of it, and neither Git nor the cluster is changed', async () => {
    const before = await lab.git('rev-parse', 'main')
    const missing = await lab.run('upgrade', ['--lab', '--to', '2.9.77', '--yes', '--json'])
    expect(missing.code).toBe(3)
    expect(missing.stderr).toMatch(/there is no Flux 2\.9\.77 in oci:.*; the nearest that exist are 2\.9\.5, 2\.9\.4, 2\.9\.3/)
    expect(documentOf(missing)).toMatchObject({ outcome: 'blocked', steps: [] })
    const operator = await lab.run('upgrade', ['--lab', '--operator', '9.9.9', '--yes'])
    expect(operator.code).toBe(3)
    expect(operator.stderr).toMatch(/there is no flux-operator 9\.9\.9 in oci:.*; the nearest that exist are 0\.59\.0/)

    const older = await lab.run('upgrade', ['--lab', '--to', '2.8.0', '--yes'])
    expect(older).toMatchObject({ code: 3, stderr: expect.stringContaining('Flux 2.8.0 is older than 2.9.4, which runs') })
    expect(older.stderr).toContain('npx zx scripts/rollback.ts … --to 2.8.0')

    const nothing = await lab.run('upgrade', ['--lab', '--yes'])
    expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining('upgrade to which version?') })

    const planned = await lab.run('upgrade', [...wanted, '--dry-run'])
    expect(documentOf(planned)).toMatchObject({ outcome: 'planned', exitCode: 0 })
    expect(planned.stderr).toContain('flux_version: 2.9.4 + flux_version: 2.9.5')

    const cluster = await lab.cluster('lab-infra')
    const release = { ...kinds.helmRelease, namespace, name: 'flux-instance' }
    await cluster.patch(release, { spec: { suspend: true } })
    const suspended = await lab.run('upgrade', wanted)
    expect(suspended).toMatchObject({ code: 3, stderr: expect.stringContaining('HelmRelease flux-system/flux-instance is suspended') })
    await cluster.patch(release, { spec: { suspend: null } })

    expect(await lab.git('rev-parse', 'main')).toBe(before)
    expect(await tags(cluster)).toEqual(oldTags)
  })
})

describe('from 2.9.4 to 2.9.5', () => {
  beforeEach(() => lab.reset('old'))

  test('ends with Git and the cluster agreed; then there is nothing to do; and back by rollback', async () => {
    const before = await lab.git('show', `main:${settings}`)
    const ended = await lab.done('upgrade', wanted)
    const document = documentOf(ended)
    expect(document).toMatchObject({ outcome: 'done', from: '2.9.4', to: '2.9.5' })
    const cluster = await lab.cluster('lab-infra')
    expect(await tags(cluster)).toEqual(newTags)
    expect(await lab.git('show', `main:${settings}`)).toBe(before.replace('flux_version: "2.9.4"', 'flux_version: "2.9.5"'))
    expect(await lab.git('log', '-1', '--format=%s', 'main')).toBe('chore(flux): upgrade Flux to v2.9.5')
    expect(await lab.git('diff', '--name-only', 'main~1', 'main')).toBe(settings)
    const pauses = v.parse(controllersSchema, document).controllers
    expect(pauses.map(({ name, to }) => `${name}:${to}`).sort()).toEqual(newTags)
    for (const { pauseMs } of pauses) expect(pauseMs).toBeLessThan(30_000)

    const again = await lab.done('upgrade', wanted)
    expect(documentOf(again)).toMatchObject({ outcome: 'unchanged', exitCode: 0 })

    const back = await lab.done('rollback', ['--lab', '--yes', '--json'])
    expect(documentOf(back)).toMatchObject({ outcome: 'done', from: '2.9.5', to: '2.9.4' })
    expect(await tags(cluster)).toEqual(oldTags)
    expect(await lab.git('show', `main:${settings}`)).toBe(before)
    expect(await unready(cluster)).toEqual([])
    expect(documentOf(await lab.done('rollback', ['--lab', '--to', '2.9.4', '--yes', '--json']))).toMatchObject({ outcome: 'unchanged' })
  })

  test('proposed on a branch, it waits for the merge, and then follows; and so does the way back', async () => {
    const running = lab.start('upgrade', [...wanted, '--branch', 'upgrade-flux'])
    await running.said('somebody to open and merge the request: for branch upgrade-flux')
    expect(await lab.gitVersion()).toBe('"2.9.4"')
    await lab.git('update-ref', 'refs/heads/main', 'refs/heads/upgrade-flux')
    const ended = await running.ended
    expect(documentOf(ended)).toMatchObject({ outcome: 'done', exitCode: 0 })

    const back = lab.start('rollback', ['--lab', '--yes', '--json', '--branch', 'upgrade-flux'])
    await back.said('somebody to open and merge the request: for branch upgrade-flux-rollback')
    // The cluster does not wait for the merge, and stays back until then.
    const cluster = await lab.cluster('lab-infra')
    expect(await tags(cluster)).toEqual(oldTags)
    expect(await unready(cluster)).toEqual(['HelmRelease flux-system/flux-instance'])
    expect(await lab.gitVersion()).toBe('"2.9.5"')
    await lab.git('update-ref', 'refs/heads/main', 'refs/heads/upgrade-flux-rollback')
    expect(documentOf(await back.ended)).toMatchObject({ outcome: 'done', from: '2.9.5', to: '2.9.4' })
    expect(await unready(cluster)).toEqual([])
    expect(await lab.git('log', '-1', '--format=%s', 'main')).toBe('Revert "chore(flux): upgrade Flux to v2.9.5"')
  })
})

const controllersSchema = v.object({
  controllers: v.array(v.object({ name: v.string(), from: v.string(), to: v.string(), pauseMs: v.number() })),
})
