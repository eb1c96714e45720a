import { join } from 'node:path'
import { type BenchLab, withBenchLab } from './bench-lab.ts'
import { fill } from './flux-objects.ts'
import { inTurn, rowsOf, time, type Took } from './measure.ts'
import { compared, type Section } from './performance-page.ts'
import { type Call, installed } from './ways-to-call.ts'

const rounds = 5
const objects = 1000

/** A capture, and an upgrade's plan, of a cluster with a thousand objects: what a person would type for the same, side by side. */
export async function measureCaptureAndPlan(major: string, put: (section: Section) => Promise<void>): Promise<void> {
  await withBenchLab(async (lab) => {
    const { command, args } = installed('bootstrap', '--lab', '--yes')
    await time(command, args, lab.env)
    await lab.withCluster((cluster) => fill(cluster, 0, objects, () => undefined))
    await put(await measureCapture(lab, major))
    await put(await measurePlan(lab, major))
  })
}

const lines = [
  'kubectl get fluxinstances,kustomizations.kustomize.toolkit.fluxcd.io,helmreleases,gitrepositories,ocirepositories,helmrepositories',
  '--all-namespaces --context lab-infra --output yaml > "$OUT"; kubectl get secrets --all-namespaces --context lab-infra --output yaml >> "$OUT"',
]

async function measureCapture(lab: BenchLab, major: string): Promise<Section> {
  let at = 0
  const out = (): string => join(lab.access.home, `capture-${at++}`)
  const peer = '`kubectl get … --output yaml`, twice'
  const took = await inTurn(
    {
      '`flux-runbook capture`': () => run(lab, installed('capture', '--lab', '--out', out())),
      [peer]: () => time('bash', ['-euc', lines.join(' ')], { ...lab.env, OUT: out() }),
    },
    rounds,
  )
  return {
    title: `Capture of ${objects.toLocaleString('en-US')} objects, Node ${major}`,
    columns: compared,
    rows: rowsOf(took, peer),
    explained: `Ours is encrypted, and read back before it is called one; theirs is neither. ${rounds} rounds in turn.`,
  }
}

async function measurePlan(lab: BenchLab, major: string): Promise<Section> {
  const { access, env } = lab
  const [to, charts] = ['2.9.4', access.settings.charts_registry ?? '']
  const peer = '`bench/upgrade-plan.sh`'
  const script = {
    ...env,
    GIT_URL: access.git.url,
    CLUSTER: 'infra',
    CHARTS: charts,
    VERSION: access.settings.operator_version ?? '',
    TO: to,
    FOLDER: join(access.home, 'plan'),
  }
  const took = await inTurn(
    {
      '`flux-runbook rollback --to 2.9.4 --dry-run`': () => run(lab, installed('rollback', '--lab', '--to', to, '--dry-run')),
      [peer]: () => time('bash', ['bench/upgrade-plan.sh'], script),
    },
    rounds,
  )
  return {
    title: `Plan of a change of version, Node ${major}`,
    columns: compared,
    rows: rowsOf(took, peer),
    explained: `The plan of an upgrade or rollback, with all checks; against git, kubectl, helm and flux in a bare shell script. ${rounds} rounds in turn.`,
  }
}

function run({ env }: BenchLab, { command, args }: Call): Promise<Took> {
  return time(command, args, env)
}
