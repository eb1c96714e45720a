import { checkHealth, healthCheckFlags } from '../lib/commands/health-check/health-check.ts'
import { allProbes, probesNamed } from '../lib/health/all-probes.ts'
import { type CommandSyntax, readOnlyRefuses } from '../lib/runner/command-line.ts'
import { runCommand } from '../lib/runner/run-command.ts'
import { argumentsOf, main } from '../lib/terminal/main.ts'

const syntax: CommandSyntax<typeof healthCheckFlags> = {
  name: 'health-check',
  summary: 'Checks everything that Flux needs and does; reports what is wrong, since when, and the next command.',
  flags: healthCheckFlags,
  examples: ['--context infra', '--context infra,apps --only sources,kustomizations', '--context infra --fix --dry-run'],
  lists: { 'Probes (--only)': Object.fromEntries(allProbes.map(({ id, title }) => [id, title])) },
  refuses: { ...readOnlyRefuses, destroy: 'it destroys nothing' },
  isForSeveral: true,
}

await main(async () => {
  const args = argumentsOf(syntax.name)
  const verifyFlags = ({ only }: { readonly only?: string }): void => void probesNamed(only)
  if (!args.includes('--fix')) return runCommand({ ...syntax, verifyFlags, perform: checkHealth }, args)
  const [{ runChangeCommand }, { prepareFix }] = await Promise.all([
    import('../lib/runner/run-change.ts'),
    import('../lib/commands/health-check/fix.ts'),
  ])
  return runChangeCommand(
    {
      ...syntax,
      verifyFlags,
      prepare: prepareFix,
      unchanged: 'nothing to fix',
      summarize: () => Promise.resolve([]),
    },
    args,
  )
})
