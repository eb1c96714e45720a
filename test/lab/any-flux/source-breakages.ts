import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nameOf, refOf } from '../../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { isRequested, requestReconcile } from '../../../lib/flux/reconcile-request.ts'
import { withLogin } from '../harness.ts'
import { applied, type Broken } from './broken.ts'
import type { FluxKind } from './installations.ts'
import type { World } from './world.ts'

/** A source that cannot be fetched. */
export function sourceBreakage(world: World): Promise<Broken> {
  return applied(world, 'GitRepository default/lost', {
    ...fluxKinds.gitRepository,
    metadata: { namespace: 'default', name: 'lost' },
    spec: { interval: '1h', timeout: '20s', url: 'http://127.0.0.1:9/nowhere.git' },
  })
}

/** A commit that has been in Git for longer than Flux may take to fetch it, which it has not: it had just looked. */
export async function revisionBreakage(world: World, { source }: FluxKind): Promise<Broken> {
  const { lab } = world
  const { git } = await lab.access()
  await fetchNow(world, source)
  const folder = mkdtempSync(join(tmpdir(), 'frb-clone-'))
  const date = new Date(Date.now() - 5 * 3_600_000).toISOString()
  const env = { ...process.env, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date }
  const run = (...args: string[]): void => void execFileSync('git', ['-C', folder, ...args], { stdio: 'pipe', env })
  try {
    run('clone', '--quiet', withLogin(git), '.')
    run(
      '-c',
      'user.name=A colleague',
      '-c',
      'user.email=colleague@example.com',
      'commit',
      '--quiet',
      '--allow-empty',
      '--message=Hours ago',
    )
    run('push', '--quiet', 'origin', 'HEAD:main')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return { object: nameOf(source), undo: () => fetchNow(world, source) }
}

async function fetchNow({ cluster, until }: World, source: FluxKind['source']): Promise<void> {
  await requestReconcile(cluster, source)
  await until(async () => {
    const live = await cluster.get(source)
    return live !== undefined && !isRequested(live)
  })
}

/** Two Kustomizations that pull one object to and fro. */
export async function tugOfWar(world: World, { source }: FluxKind): Promise<Broken> {
  const sides = await Promise.all(
    ['one', 'two'].map((side) =>
      applied(world, '', {
        ...fluxKinds.kustomization,
        metadata: { namespace: source.namespace, name: `tug-${side}` },
        spec: {
          interval: '2s',
          prune: true,
          path: `./tug/${side}`,
          sourceRef: { kind: source.kind, name: source.name },
        },
      }),
    ),
  )
  return {
    object: 'ConfigMap default/tug',
    async undo() {
      for (const side of sides) await side.undo()
      // Its Events stay for an hour, and would be counted.
      for (const event of await world.cluster.list({ apiVersion: 'v1', kind: 'Event' }, { fields: 'involvedObject.kind=Kustomization' }))
        await world.cluster.remove(refOf(event), { uid: event.metadata.uid ?? '' })
    },
  }
}
