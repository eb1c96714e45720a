import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { callScript } from './call-script.ts'
import type { DrillTarget } from './environment.ts'
import type { LabPowers } from './scenario.ts'
import { OperatorError } from '../../base/errors.ts'
import type { Flags } from '../../terminal/flags.ts'
import type { CommandContext } from '../../runner/run-command.ts'
import type { ClusterInGit } from '../../connection/target.ts'
import type { Installation } from '../../flux/installation.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { findInstance } from '../../flux/refs.ts'
import { loginFor } from '../../tools/git-login.ts'
import { fetchTree } from '../../desired-state/tree.ts'

/** A rehearsal begins on a healthy cluster. The lab is brought there; a real cluster has to be. */
export async function reachGoodState<F extends Flags>(
  { target, signal }: CommandContext<F>,
  { flags }: DrillTarget,
  problem: () => Promise<string | undefined>,
  progress: (text: string) => void,
): Promise<void> {
  const what = await problem()
  if (what === undefined) return
  if (!target.isLab) {
    throw new OperatorError(`${target.context} is not healthy, so nothing was broken: ${what}`, {
      kind: 'blocked',
      remedy: `npx zx scripts/health-check.ts ${target.where}`,
    })
  }
  progress('bootstrapping the lab first')
  await callScript('bootstrap', [...flags, '--fresh'], progress, signal)
}

/** Where Flux is, and what it follows: as Git says, where the tree has a folder for the cluster, else as the cluster does. */
export async function findPlace<F extends Flags>(stage: CommandContext<F>, { namespace, follows }: Installation): Promise<DrillTarget> {
  const { target, session, shared } = stage
  const flags = [
    ...target.flags,
    ...(shared.timeout === undefined ? [] : [`--timeout=${shared.timeout}`]),
    '--yes',
    `--destroy=${target.context}`,
  ]
  const { inGit } = target
  if (inGit !== undefined && inGit.path === undefined) return { ...(await findPlaceInGit(stage, inGit)), flags }
  const source = follows === undefined ? undefined : await session.cluster.get(follows.source)
  const isPushable =
    follows?.source.kind === fluxKinds.gitRepository.kind &&
    follows.ref.startsWith('refs/heads/') &&
    loginFor(target.login, follows.url).kind !== 'none'
  const remote = isPushable ? { url: follows.url, ref: follows.ref, login: target.login } : undefined
  const gitSecret = source === undefined ? undefined : v.parse(secretSchema, source).spec.secretRef?.name
  const lab =
    target.isLab && inGit !== undefined && follows !== undefined ? await labPowers(stage, namespace, follows.source.name) : undefined
  return { namespace, follows, remote: inGit?.remote ?? remote, gitSecret, lab, flags }
}

/** The same powers over a cluster that follows a tree of another layout. */
async function labPowers<F extends Flags>(stage: CommandContext<F>, namespace: string, syncName: string): Promise<LabPowers> {
  const instance = await findInstance(stage.session.cluster)
  const { distribution } = v.parse(instanceSchema, instance).spec
  return (await import('./lab-powers.ts')).labPowersOver(stage, { namespace, syncName, distribution })
}

const instanceSchema = v.object({
  spec: v.object({
    distribution: v.object({
      version: v.string(),
      registry: v.string(),
      artifact: v.optional(v.string(), ''),
      artifactPullSecret: v.optional(v.string(), ''),
      imagePullSecret: v.optional(v.string(), ''),
    }),
  }),
})
const secretSchema = v.object({ spec: v.object({ secretRef: v.optional(v.object({ name: v.string() })) }) })

async function findPlaceInGit<F extends Flags>(
  stage: CommandContext<F>,
  { remote, folder }: ClusterInGit,
): Promise<Omit<DrillTarget, 'flags'>> {
  const { session, target, signal } = stage
  const checkout = join(session.folder(), 'tree')
  mkdirSync(checkout)
  const tree = await fetchTree(remote, folder, checkout, session.tools.kubectl, signal)
  stage.record.know({ commit: tree.commit })
  const { namespace, syncName, sync } = tree
  const lab = target.isLab ? (await import('./lab-powers.ts')).labPowersOver(stage, tree) : undefined
  const follows = {
    source: { ...fluxKinds.gitRepository, namespace, name: syncName },
    root: { ...fluxKinds.kustomization, namespace, name: syncName },
  }
  return { namespace, follows, remote, gitSecret: sync.pullSecret === '' ? undefined : sync.pullSecret, lab }
}
