import { expect, test } from 'vitest'
import { createConsole } from '../../../lib/terminal/console.ts'
import { createRedactor } from '../../../lib/base/redactor.ts'
import { findTarget, inGitOf, type TargetFlags } from '../../../lib/connection/target.ts'

const find = (flags: TargetFlags): ReturnType<typeof findTarget> =>
  findTarget(flags, {}, createRedactor(), createConsole({ clean: (text) => text }), new AbortController().signal)

test('a cluster is named again as it was named', async () => {
  expect(await find({ context: 'infra' })).toMatchObject({
    inGit: { folder: 'infra' },
    where: '--context infra',
    kubectl: 'kubectl --context infra',
  })
  const flags = { context: 'kind-flux', cluster: 'infra', kubeconfig: "/home/jane/Jane's/kind.yaml" }
  expect(await find(flags)).toMatchObject({
    flags: ['--context', 'kind-flux', '--cluster', 'infra', '--kubeconfig', flags.kubeconfig],
    where: "--context kind-flux --cluster infra --kubeconfig '/home/jane/Jane'\\''s/kind.yaml'",
    kubectl: "kubectl --context kind-flux --kubeconfig '/home/jane/Jane'\\''s/kind.yaml'",
  })
})

test('a cluster that follows a tree of another layout is reinstalled from it', () => {
  const remote = { url: 'https://git.example/fleet', ref: 'refs/heads/main', login: { kind: 'none' as const } }
  const target = { context: 'lab-infra', inGit: { folder: 'clusters/prod', path: 'clusters/prod', remote } }
  expect(inGitOf(target, 'rebuild')).toBe(target.inGit)
})

test('a cluster that the tree has no folder for can be used, except for what needs its folder', async () => {
  const context = 'arn:aws:eks:eu-central-1:111122223333:cluster/prod'
  const target = await find({ context })
  expect(target).toMatchObject({ context, inGit: undefined, where: `--context ${context}`, kubectl: `kubectl --context ${context}` })
  expect(() => inGitOf(target, 'rebuild')).toThrow(
    `there is no kubernetes/clusters/${context}/settings.yaml: rebuild needs the cluster's folder in Git`,
  )
  await expect(Promise.resolve().then(() => inGitOf(target, 'rebuild'))).rejects.toMatchObject({
    kind: 'usage',
    remedy:
      'name the folder below kubernetes/clusters with --cluster NAME; without one health-check, capture, restore, teardown, recover, drill, upgrade, rollback work',
  })
  // A folder that is named has to be there.
  await expect(find({ context, cluster: 'prod' })).rejects.toMatchObject({
    kind: 'usage',
    message: 'there is no kubernetes/clusters/prod/settings.yaml: the tree has no such cluster',
  })
})

test('without a context nothing is guessed', async () => {
  await expect(find({})).rejects.toMatchObject({ kind: 'usage', message: 'which cluster? --context is mandatory' })
})

test("the lab has contexts and a kubeconfig of its own; another's is refused before it starts", async () => {
  await expect(find({ lab: true, context: 'infra' })).rejects.toMatchObject({
    kind: 'usage',
    message: `the lab's contexts are lab-infra and lab-apps; not "infra"`,
  })
  await expect(find({ lab: true, kubeconfig: 'mine' })).rejects.toMatchObject({ kind: 'usage' })
})
