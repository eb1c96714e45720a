import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureExecutables, type Executables } from '../../lab/build/executables.ts'
import { prepareRehearsal, type PreparedRehearsal } from '../../lab/rehearsal/prepare-rehearsal.ts'
import { ensureRepository, type Git, gitOf } from '../../lab/repository.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { shellQuote } from '../../lib/base/shell-line.ts'
import { readOtherTree } from '../../lib/commands/bootstrap/other-tree.ts'
import { createConsole } from '../../lib/terminal/console.ts'
import { script } from './harness.ts'

const trees = join(projectRoot, 'test/fixtures/trees')
const root = mkdtempSync(join(tmpdir(), 'frb-rehearsal-'))
const env = { PATH: process.env.PATH ?? '', HOME: root }
const addresses = {
  registry: '127.0.0.1:5000',
  git: 'http://127.0.0.1:3000/fleet.git',
  privateGit: 'http://127.0.0.1:3000/private/fleet.git',
  standInsGit: 'http://127.0.0.1:3000/stand-ins/fleet.git',
  operatorVersion: '0.59.0',
}
let lab: Executables
let git: Git
beforeAll(async () => {
  lab = await ensureExecutables(createConsole({ clean: (text) => text }))
  const repository = join(root, 'git', 'fleet.git')
  await ensureRepository(repository, env)
  git = gitOf(repository, env)
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

function prepare(from: string, path?: string, clusters: readonly string[] = ['infra']): Promise<PreparedRehearsal> {
  const { kubectl } = lab
  return prepareRehearsal(git, {
    from,
    path,
    clusters,
    addresses,
    settings: {},
    seed: 'x',
    kubectl,
    temporary: root,
    index: join(root, 'index'),
  })
}

const standInsOf = ({ rehearsal }: PreparedRehearsal): string[] => rehearsal.standIns.map(({ kind, name }) => `${kind}: ${name}`)

/** The rewritten tree on disk. */
async function checkedOut({ rewritten }: PreparedRehearsal): Promise<string> {
  const folder = mkdtempSync(join(root, 'tree-'))
  await git(['read-tree', rewritten], { env: { GIT_INDEX_FILE: join(root, 'index') } })
  const place = { GIT_INDEX_FILE: join(root, 'index'), GIT_WORK_TREE: folder }
  await git(['checkout-index', '--all', `--prefix=${folder}/`], { env: place, cwd: folder })
  return folder
}

describe('a copy of a repository', () => {
  test('in the style of flux bootstrap has charts and definitions that stand in, and the root of a cluster is chosen by its name', async () => {
    const prepared = await prepare(join(trees, 'bootstrap'), undefined, ['staging', 'production'])
    const rest = { url: addresses.privateGit, hasOperator: false }
    expect(prepared.rehearsal.clusters).toEqual([
      { name: 'staging', path: 'clusters/staging', ...rest },
      { name: 'production', path: 'clusters/production', ...rest },
    ])
    expect(standInsOf(prepared)).toEqual([
      'source: HelmRepository storefront',
      'source: GitRepository flux-system/flux-system',
      'source: OCIRepository cert-manager/cert-manager',
      'definition: ClusterIssuer.cert-manager.io',
      'chart: stand-ins/charts.example/storefront/storefront:1.0.0',
      'chart: stand-ins/quay.example/jetstack/charts/cert-manager:1.0.0',
    ])
    expect(prepared.warnings).toEqual([])
  })

  test('which path is meant has to be said where that is not clear, and has to be there', async () => {
    const from = join(trees, 'bootstrap')
    await expect(prepare(from)).rejects.toMatchObject({
      kind: 'usage',
      message: `which path does cluster infra follow? ${from} has clusters/production, clusters/staging`,
      remedy: `npx zx scripts/lab.ts up --repository ${shellQuote(from)} --path clusters/production`,
    })
    await expect(prepare(from, 'clusters/stagin')).rejects.toMatchObject({
      kind: 'usage',
      message: `${from} has no folder clusters/stagin`,
      remedy: `npx zx scripts/lab.ts up --repository ${shellQuote(from)} --path clusters/staging`,
    })
    await expect(prepare(from, '../home')).rejects.toMatchObject({ kind: 'usage', message: `${from} has no folder ../home` })
  })

  test('of a household has random values for its encrypted ones, and bootstrap finds operator and FluxInstance in it', async () => {
    const prepared = await prepare(join(trees, 'home'))
    expect(standInsOf(prepared)).toContain('secret: Secret cluster-secrets')
    const folder = await checkedOut(prepared)
    expect(readFileSync(join(folder, 'kubernetes/components/common/cluster-secrets.sops.yaml'), 'utf8')).not.toContain('ENC[')
    const tree = await readOtherTree({ path: 'kubernetes/flux/cluster', folder, kubectl: lab.kubectl }, 'the copy')
    expect(tree).toMatchObject({
      operator: {
        name: 'flux-operator',
        namespace: 'flux-system',
        url: 'oci://127.0.0.1:5000/charts/flux-operator',
        version: '0.59.0',
        tracksDigest: false,
      },
      instance: { name: 'flux-instance', url: 'oci://127.0.0.1:5000/charts/flux-instance', version: '0.59.0' },
      sync: { url: addresses.git, ref: 'refs/heads/main', path: 'kubernetes/flux/cluster', pullSecret: '' },
      distribution: { version: '2.9.4', artifact: 'oci://127.0.0.1:5000/flux-operator-manifests:v0.59.0' },
      syncName: 'flux-system',
    })
    expect(tree.applied.map(({ object, by }) => `${object.kind} ${object.metadata.name} by ${by}`)).toEqual([
      'HelmRelease flux-operator by flux-operator',
      'HelmRelease flux-instance by flux-instance',
    ])
  })

  test("of a platform follows Git in place of its artifact, and what Terraform's ConfigMap decides is there", async () => {
    const prepared = await prepare(join(trees, 'fleet'), 'clusters/staging')
    expect(standInsOf(prepared)).toEqual(
      expect.arrayContaining([
        'values: ConfigMap flux-system/flux-runtime-info',
        'manifests: stand-ins/registry.example/platform/apps/frontend:stand-in',
        'manifests: stand-ins/registry.example/platform/infra/monitoring:stand-in',
      ]),
    )
    const folder = await checkedOut(prepared)
    const tree = await readOtherTree({ path: 'clusters/staging', folder, kubectl: lab.kubectl }, 'the copy')
    expect(tree).toMatchObject({
      operator: { name: 'flux-operator', version: '*', isRange: true },
      plainInstance: { kind: 'FluxInstance', metadata: { name: 'flux' } },
      sync: { kind: 'GitRepository', url: addresses.privateGit, pullSecret: 'registry-auth' },
    })
  })

  test('holds what is on disk, and what Git ignores is left out', async () => {
    const from = ownCopy()
    mkdirSync(join(from, 'private'))
    writeFileSync(join(from, '.gitignore'), 'private/\n')
    writeFileSync(join(from, 'private/key.yaml'), 'key: of mine\n')
    writeFileSync(join(from, 'apps/new.yaml'), 'new: true\n')
    const folder = await checkedOut(await prepare(from, 'clusters/staging'))
    expect([existsSync(join(folder, 'private')), existsSync(join(folder, 'apps/new.yaml'))]).toEqual([false, true])
  })

  test.each([
    [
      'a link',
      (from: string, outside: string) => symlinkSync(outside, join(from, 'clusters/staging/lab-stand-ins.yaml')),
      'clusters/staging/lab-stand-ins.yaml',
    ],
    [
      'a folder that is a link',
      (from: string, outside: string) => {
        renameSync(join(from, 'clusters/staging'), `${outside}.folder`)
        symlinkSync(`${outside}.folder`, join(from, 'clusters/staging'))
      },
      'clusters/staging/lab-stand-ins.yaml',
    ],
  ])('with %s where the lab has to write is refused: it could lead anywhere on this machine', async (_, make, file) => {
    const from = ownCopy()
    const outside = join(root, 'outside.yaml')
    writeFileSync(outside, 'mine\n')
    make(from, outside)
    await expect(prepare(from, 'clusters/staging')).rejects.toMatchObject({
      kind: 'blocked',
      message: `the repository has a link at ${file}, or on the way to it, and the lab has to write there`,
    })
    expect(readFileSync(outside, 'utf8')).toBe('mine\n')
  })
})

function ownCopy(): string {
  const from = mkdtempSync(join(root, 'own-'))
  cpSync(join(trees, 'bootstrap'), from, { recursive: true })
  return from
}

test('bootstrap says why a tree is not one that it can install from', async () => {
  const read = (name: string, path: string): Promise<unknown> =>
    readOtherTree({ path, folder: join(trees, name), kubectl: lab.kubectl }, 'this checkout')
  await expect(read('bootstrap', 'clusters/staging')).rejects.toMatchObject({
    kind: 'blocked',
    message: 'clusters/staging at this checkout leads to no HelmRelease of the chart flux-operator',
  })
  await expect(read('fleet', 'clusters/staging')).rejects.toMatchObject({
    kind: 'blocked',
    message: 'Flux would follow OCIRepository oci://registry.example/platform/fleet, and this run uses what is in Git',
  })
  await expect(read('home', 'kubernetes/cluster')).rejects.toMatchObject({ message: 'this checkout has no folder kubernetes/cluster' })
})

const statusSchema = v.object({
  repository: v.object({
    from: v.string(),
    clusters: v.array(v.object({ name: v.string(), path: v.string() })),
    standIns: v.array(v.object({ kind: v.string(), name: v.string(), inPlaceOf: v.string() })),
  }),
})

test('a lab with a copy of a repository: bootstrap makes Flux Ready on it, and another repository does not replace it', async () => {
  const home = mkdtempSync(join(tmpdir(), 'frb-lab-'))
  const [from, other] = [join(trees, 'home'), join(trees, 'fleet')]
  try {
    const up = await script('lab', ['up', '--repository', from, '--flux', '2.9.4'], { home })
    expect(up.stderr).toContain(`the lab's Git has a copy of ${from}, commit `)
    expect(up.code).toBe(0)
    const status = await script('lab', ['status', '--json'], { home })
    const { repository } = v.parse(v.pipe(v.string(), v.parseJson(), statusSchema), status.stdout)
    expect(repository).toMatchObject({ from, clusters: [{ name: 'infra', path: 'kubernetes/flux/cluster' }] })
    expect(repository.standIns).toContainEqual({
      kind: 'chart',
      name: 'stand-ins/ghcr.io/charts.example/app-template:4.6.2',
      inPlaceOf: 'ghcr.io/charts.example/app-template:4.6.2',
    })
    const refused = await script('lab', ['up', '--repository', other, '--path', 'clusters/prod'], { home })
    expect(refused.code).toBe(3)
    expect(refused.stderr).toContain(`the lab's Git has a copy of ${from}, which its clusters may follow; nothing was replaced`)
    const bootstrapped = await script('bootstrap', ['--lab', '--path', 'kubernetes/flux/cluster', '--yes'], { home })
    expect(bootstrapped.code, bootstrapped.stderr).toBe(0)
    expect(bootstrapped.stderr).toContain('HelmReleases flux-operator and flux-instance are Ready and own their releases')
  } finally {
    await script('lab', ['down'], { home })
    rmSync(home, { recursive: true, force: true })
  }
})
