import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inTurn, rowsOf, time } from './measure.ts'
import { compared, type Section } from './performance-page.ts'
import { byNpx, byZx, type Call, installed } from './ways-to-call.ts'

/** What it takes to start, before anything is asked of a cluster. */
export async function measureStarts(major: string): Promise<Section> {
  const folder = await mkdtemp(join(tmpdir(), 'frb-bench-'))
  const empty = join(folder, 'empty.mjs')
  await writeFile(empty, '')
  const run =
    ({ command, args }: Call, ...codes: number[]) =>
    () =>
      time(command, args, process.env, codes)
  try {
    const took = await inTurn(
      {
        'node -e 0': run({ command: process.execPath, args: ['-e', '0'] }, 0),
        'flux-runbook --help': run(installed('--help'), 0),
        'flux-runbook health-check --help': run(installed('health-check', '--help'), 0),
        'flux-runbook health-check --contxt, a usage error': run(installed('health-check', '--contxt', 'infra'), 2),
        'npx zx, an empty script': run({ command: 'npx', args: ['zx', empty] }, 0),
        'npx zx scripts/health-check.ts --help': run(byNpx('health-check', '--help'), 0),
        'zx scripts/health-check.ts --help': run(byZx('health-check', '--help'), 0),
      },
      15,
    )
    return {
      title: `Start, Node ${major}`,
      columns: compared,
      rows: rowsOf(took, 'node -e 0'),
      explained: 'Whole processes; the ratio is to a Node that does nothing.',
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
