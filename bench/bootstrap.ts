import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { gitLoginOf } from '../lib/connection/settings.ts'
import { fetchTree } from '../lib/desired-state/tree.ts'
import { type BenchLab, withBenchLab } from './bench-lab.ts'
import { rowsOf, time, type Took } from './measure.ts'
import { compared, type Section } from './performance-page.ts'
import { byNpx, installed } from './ways-to-call.ts'

const rounds = 3
const peer = '`bench/bootstrap.sh`'

/** Bootstrap against a bare shell script that does the same, each on an empty cluster. */
export async function measureBootstrap(major: string): Promise<Section> {
  return withBenchLab(async (lab) => {
    const theirs = await shellScript(lab)
    const ours = [installed('bootstrap', '--lab', '--yes'), byNpx('bootstrap', '--lab', '--yes')]
    const runs = [
      ...ours.map(
        ({ command, args }) =>
          () =>
            time(command, args, lab.env),
      ),
      theirs,
    ]
    await lab.command('snapshot', 'empty')
    const took: Took[][] = runs.map(() => [])
    for (let round = 0; round < rounds; round++) {
      for (const [at, run] of runs.entries()) {
        await lab.command('reset', 'empty')
        took[at]?.push(await run())
      }
    }
    const names = ['`flux-runbook bootstrap`', '`npx zx scripts/bootstrap.ts`', peer]
    return {
      title: `Bootstrap, Node ${major}`,
      columns: compared,
      rows: rowsOf(new Map(names.map((name, at) => [name, took[at] ?? []])), peer),
      explained: `From an empty cluster to a Flux that manages itself, verified; against kubectl, helm and flux in a bare shell script. ${rounds} rounds in turn.`,
    }
  })
}

/** The peer, with what it needs in files. */
async function shellScript({ access, env }: BenchLab): Promise<() => Promise<Took>> {
  const [checkout, values] = [join(access.home, 'checkout'), join(access.home, 'values')]
  for (const folder of [checkout, values]) await mkdir(folder)
  const login = gitLoginOf({ GIT_USERNAME: access.git.username, GIT_PASSWORD: access.git.password }, access.git.url)
  const remote = { url: access.git.url, ref: 'refs/heads/main', login } as const
  const tree = await fetchTree(remote, 'infra', checkout, join(access.bin, 'kubectl'), new AbortController().signal)
  for (const { name, values: content } of [tree.operator, tree.instance]) await writeFile(join(values, `${name}.yaml`), stringify(content))
  await writeFile(join(values, 'password'), access.git.password, { mode: 0o600 })
  return () =>
    time('bash', ['bench/bootstrap.sh'], {
      ...env,
      CONTEXT: 'lab-infra',
      CLUSTER: 'infra',
      CHARTS: tree.settings.charts_registry ?? '',
      VERSION: tree.operator.version,
      GIT_PASSWORD_FILE: join(values, 'password'),
      VALUES: values,
    })
}
