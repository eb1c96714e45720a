import { checkHealth, fieldsOf, flags } from '../lib/health/check.ts'
import type { Probed } from '../lib/health/probe.ts'
import { onClusters } from '../lib/on-clusters.ts'
import { argumentsOf, main } from '../lib/script.ts'

const name = 'health-check'
const summary = 'Looks at everything Flux needs and does, and tells what is wrong, since when, and what to do.'

await main(async () => {
  const args = argumentsOf(name)
  if (!args.includes('--fix')) return onClusters({ name, summary, flags, isForSeveral: true, perform: checkHealth }, args)
  const [{ operate }, { mend }] = await Promise.all([import('../lib/operate.ts'), import('../lib/procedures/mend-managers.ts')])
  let probed: readonly Probed[] = []
  return operate(
    {
      name,
      summary,
      flags,
      isForSeveral: true,
      prepare: (surroundings) =>
        Promise.resolve({
          steps: mend(surroundings, (seen) => {
            probed = seen
          }),
          tell: () => ({ fields: fieldsOf(probed) }),
        }),
      unchanged: 'nothing to mend',
      summarize: () => Promise.resolve([]),
    },
    args,
  )
})
