import { expect, test } from 'vitest'
import { createConsole } from '../../lib/console.ts'
import { createRedactor } from '../../lib/redactor.ts'
import { findTarget, type TargetFlags } from '../../lib/target.ts'

const find = (flags: TargetFlags): ReturnType<typeof findTarget> =>
  findTarget(flags, {}, createRedactor(), createConsole({ clean: (text) => text }), new AbortController().signal)

test('a cluster is named again as it was named', async () => {
  expect(await find({ context: 'infra' })).toMatchObject({ folder: 'infra', where: '--context infra', kubectl: 'kubectl --context infra' })
  const flags = { context: 'kind-flux', cluster: 'infra', kubeconfig: "/home/jane/Jane's/kind.yaml" }
  expect(await find(flags)).toMatchObject({
    flags: ['--context', 'kind-flux', '--cluster', 'infra', '--kubeconfig', flags.kubeconfig],
    where: "--context kind-flux --cluster infra --kubeconfig $'/home/jane/Jane\\'s/kind.yaml'",
    kubectl: "kubectl --context kind-flux --kubeconfig $'/home/jane/Jane\\'s/kind.yaml'",
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
