import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { findOutside, findOutsideIn } from '../../../lib/desired-state/kustomize-references.ts'

const home = mkdtempSync(join(tmpdir(), 'kustomize-references-'))
afterAll(() => rmSync(home, { recursive: true }))
let count = 0

/** A repository with these files, beside a folder `elsewhere` that is not part of it. */
function repository(files: Readonly<Record<string, string | Uint8Array>>): string {
  const root = join(home, String(count++), 'repository')
  const all = { '../elsewhere/kustomization.yaml': 'resources: []\n', '../elsewhere/secret.yaml': 'a: b\n', ...files }
  for (const [file, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  return root
}

async function found(files: Readonly<Record<string, string | Uint8Array>>): Promise<string[]> {
  return (await findOutside(repository(files), 'app')).map(({ file, line, message }) => `${file}:${line}: ${message}`)
}

const fromServer = (field: string, target: string): string =>
  `${field} takes ${target} from a server: the build would differ from the commit`

describe('a kustomization takes from a server', () => {
  test.each([
    ['resources', 'file:///nowhere/x?ref=--upload-pack=touch%20marker%3Bfalse'],
    ['resources', 'https://example.com/base?ref=main'],
    ['Resources', 'https://example.com/base?ref=main'],
    ['resources', 'git@example.com:team/base.git'],
    ['resources', 'someone@example.com/team/base.git'],
    ['resources', 'ssh://git@example.com/team/base'],
    ['resources', 'git::https://example.com/base'],
    ['resources', 'gh:team/base'],
    ['resources', 'GitHub.com/team/base//deploy'],
    ['resources', 'hg::example.com/base'],
    ['bases', 'github.com/team/base'],
    ['components', 'https://example.com/component'],
    ['generators', 'https://example.com/generators'],
    ['transformers', 'https://example.com/transformers'],
    ['validators', 'https://example.com/validators'],
    ['crds', 'https://example.com/crd.json'],
    ['configurations', 'HTTPS://example.com/names.yaml'],
    ['patchesStrategicMerge', 'https://example.com/patch.yaml'],
    ['patches', 'https://example.com/patch.yaml'],
  ])('by %s: %s', async (field, target) => {
    expect(await found({ 'app/kustomization.yaml': `namespace: a\n${field}:\n  - ${target}\n` })).toEqual([
      `app/kustomization.yaml:3: ${fromServer(field, target)}`,
    ])
  })

  test.each([
    ['path', 'patches:\n  - path: https://example.com/p.yaml'],
    ['path', 'patchesJson6902:\n  - path: https://example.com/p.yaml'],
    ['path', 'replacements:\n  - path: https://example.com/p.yaml'],
    ['path', 'openapi:\n  path: https://example.com/p.yaml'],
    ['envs', 'configMapGenerator:\n  - envs: [https://example.com/p.yaml]'],
    ['env', 'secretGenerator:\n  - env: https://example.com/p.yaml'],
    ['files', 'secretGenerator:\n  - files: [key=https://example.com/p.yaml]'],
  ])('by %s in %j', async (field, text) => {
    expect(await found({ 'app/kustomization.yaml': `${text}\n` })).toEqual([
      `app/kustomization.yaml:2: ${fromServer(field, 'https://example.com/p.yaml')}`,
    ])
  })

  test('by a transformer that stands in the kustomization, on one line or several', async () => {
    const one =
      'transformers:\n  - "{apiVersion: builtin, kind: PatchTransformer, metadata: {name: a}, path: https://example.com/p.yaml}"\n'
    const several = 'transformers:\n  - |-\n    kind: PatchTransformer\n    path: https://example.com/p.yaml\n'
    for (const text of [one, several])
      expect(await found({ 'app/kustomization.yaml': text })).toEqual([
        expect.stringContaining(fromServer('path', 'https://example.com/p.yaml')),
      ])
  })

  test('in a file of a generator, a base, a component and a nested folder, under each name of the file', async () => {
    const remote = 'resources: [https://example.com/x]\n'
    expect(
      await found({
        'app/kustomization.yaml': 'resources: [../base, deep]\ncomponents: [../part]\ngenerators: [made.yaml]\n',
        'app/made.yaml': 'kind: ConfigMapGenerator\nfiles: [https://example.com/x]\n',
        'base/kustomization.yml': remote,
        'part/Kustomization': remote,
        'app/deep/kustomization.yaml': 'resources: [../../base]\n',
      }),
    ).toEqual([
      `base/kustomization.yml:1: ${fromServer('resources', 'https://example.com/x')}`,
      `part/Kustomization:1: ${fromServer('resources', 'https://example.com/x')}`,
      `app/made.yaml:2: ${fromServer('files', 'https://example.com/x')}`,
    ])
  })

  test('by an alias and a merge key', async () => {
    const text = 'namePrefix: &there https://example.com/x\nresources: [*there]\n<<: { components: [gh:a/b] }\n'
    expect(await found({ 'app/kustomization.yaml': text })).toEqual([
      `app/kustomization.yaml:1: ${fromServer('resources', 'https://example.com/x')}`,
      `app/kustomization.yaml:3: ${fromServer('components', 'gh:a/b')}`,
    ])
  })

  test('by aliases of aliases, which stand for millions of lines, and are refused as by Go', async () => {
    const levels = Array.from(
      { length: 12 },
      (_, at) => `l${at + 1}: &l${at + 1} [${Array.from({ length: 8 }, () => `*l${at}`).join(', ')}]\n`,
    )
    const text = `l0: &l0 [https://example.com/x]\n${levels.join('')}resources: *l12\n`
    expect(await found({ 'app/kustomization.yaml': text })).toEqual([expect.stringContaining('Excessive alias count')])
  })

  test('whatever the repository has under that name', async () => {
    const files = { 'app/kustomization.yaml': 'resources: ["file:///x"]\n', 'app/file:/x/kustomization.yaml': 'resources: []\n' }
    expect(await found(files)).toEqual([`app/kustomization.yaml:1: ${fromServer('resources', 'file:///x')}`])
  })
})

describe('a kustomization leads out of the repository', () => {
  test('by a relative path, an absolute one, and a link', async () => {
    const root = repository({
      'app/kustomization.yaml': 'resources:\n  - ../../elsewhere\n  - /etc/x\n  - link\npatches:\n  - path: file\n',
    })
    symlinkSync('../../elsewhere', join(root, 'app/link'))
    symlinkSync('../../elsewhere/secret.yaml', join(root, 'app/file'))
    expect((await findOutside(root, 'app')).map(({ line, message }) => `${line}: ${message}`)).toEqual([
      '2: resources leads out of the repository: ../../elsewhere',
      '3: resources leads out of the repository: /etc/x',
      '4: resources leads out of the repository: link',
      '6: path leads out of the repository: file',
    ])
  })

  test('as the folder itself, and as what Flux adds to it', async () => {
    const root = repository({ 'app/kustomization.yaml': 'resources: []\n' })
    expect(await findOutside(root, '../elsewhere')).toMatchObject([{ message: 'path leads out of the repository: ../elsewhere' }])
    expect(await findOutsideIn(root, 'app', { components: ['../app', '../../elsewhere', 'https://example.com/x'] })).toMatchObject([
      { field: 'components', message: 'components leads out of the repository: ../../elsewhere' },
      { field: 'components', message: fromServer('components', 'https://example.com/x') },
    ])
  })

  test('by its own file', async () => {
    const root = repository({ 'app/a.yaml': '' })
    symlinkSync('../../elsewhere/secret.yaml', join(root, 'app/kustomization.yaml'))
    expect(await findOutside(root, 'app')).toMatchObject([
      { message: 'kustomization.yaml leads out of the repository: app/kustomization.yaml' },
    ])
  })
})

// Each of these was seen to be built by kubectl, with what stands outside.
describe('a kustomization that Go reads in another way than a reader of YAML 1.2 does not get out of the repository', () => {
  const out = '../../elsewhere'
  const leadsOut = `resources leads out of the repository: ${out}`
  test.each([
    ['a comment that a next line ends', `# a\u0085resources: [${out}]`],
    ['a comment that a line separator ends', `# a\u2028resources: [${out}]`],
    ['a comment that a carriage return ends', `# a\rresources: [${out}]`],
    ['lines that are apart by next lines alone', `resources:\u0085- ${out}`],
    ['base64', `resources: [!!binary ${Buffer.from(out).toString('base64')}]`],
  ])('by %s', async (_, text) => {
    expect(await found({ 'app/kustomization.yaml': `${text}\n` })).toEqual([expect.stringContaining(leadsOut)])
  })

  test('by letters that Go takes for others', async () => {
    expect(await found({ 'app/kustomization.yaml': `re\u017fource\u017f: [${out}]\n` })).toEqual([
      `app/kustomization.yaml:1: re\u017fource\u017f leads out of the repository: ${out}`,
    ])
  })

  test.each([
    ['in base64', `!!binary ${Buffer.from('resources').toString('base64')}: [${out}]`],
    ['that is an alias', `namePrefix: &a resources\n*a : [${out}]`],
  ])('by a name %s', async (_, text) => {
    expect(await found({ 'app/kustomization.yaml': `${text}\n` })).toEqual([expect.stringContaining('all keys must be strings')])
  })

  test('by UTF-16', async () => {
    expect(await found({ 'app/kustomization.yaml': Buffer.from(`\ufeffresources: [${out}]\n`, 'utf16le') })).toEqual([
      'app/kustomization.yaml:1: it cannot be read, so what it takes from outside the repository is not known: it is not UTF-8',
    ])
  })
})

test('a path begins at the folder that a link leads to', async () => {
  const root = repository({
    'app/kustomization.yaml': 'resources: [b/c/d/link]\n',
    'app/b/c/elsewhere/kustomization.yaml': 'resources: []\n', // where the path would lead, if it began at the link
    'app/b/c/d/a.yaml': '',
    'shallow/kustomization.yaml': 'resources: [../../elsewhere]\n',
  })
  symlinkSync('../../../../shallow', join(root, 'app/b/c/d/link'))
  expect(await findOutside(root, 'app')).toMatchObject([
    { file: 'shallow/kustomization.yaml', message: 'resources leads out of the repository: ../../elsewhere' },
  ])
})

describe('a folder of plugins', () => {
  const generator = (file: string): string => `kind: ConfigMapGenerator\nfiles: [${file}]\n`
  test.each(['generators', 'transformers', 'validators'])('of %s leads out of the repository in a file of its own', async (field) => {
    const files = {
      'app/kustomization.yaml': `${field}: [gen]\n`,
      'app/gen/kustomization.yaml': 'resources: [g.yaml, below]\n',
      'app/gen/g.yaml': generator('../gen/inside.txt, ../../elsewhere/secret.yaml'),
      'app/gen/below/kustomization.yaml': 'resources: [g.yaml]\n',
      'app/gen/below/g.yaml': generator('https://example.com/x'),
    }
    expect(await found(files)).toEqual([
      'app/gen/g.yaml:2: files leads out of the repository: ../../elsewhere/secret.yaml',
      `app/gen/below/g.yaml:2: ${fromServer('files', 'https://example.com/x')}`,
    ])
  })

  test('is not known where its kustomization changes what is in its files', async () => {
    const files = {
      'app/kustomization.yaml': 'generators: [gen]\n',
      'app/gen/kustomization.yaml':
        'resources: [g.yaml]\npatches:\n  - patch: "[{op: replace, path: /files/0, value: ../../elsewhere/secret.yaml}]"\n',
      'app/gen/g.yaml': generator('a.txt'),
    }
    expect(await found(files)).toEqual([
      'app/gen/kustomization.yaml:2: patches changes the plugins that it makes, so what these take from outside the repository is not known',
    ])
  })
})

test.each(['helmCharts', 'helmChart\u017f', 'HELMCHARTINFLATIONGENERATOR'])(
  'helm is not run, however Go reads its field: %s',
  async (field) => {
    expect(await found({ 'app/kustomization.yaml': `${field}:\n  - name: x\n` })).toEqual([
      `app/kustomization.yaml:1: ${field} has kustomize run helm, which Flux does not allow`,
    ])
  },
)

test('a kustomization that cannot be read is not taken for a good one', async () => {
  expect(await found({ 'app/kustomization.yaml': 'resources: [a\n' })).toEqual([
    expect.stringMatching(/^app\/kustomization\.yaml:\d: it cannot be read, so what it takes from outside the repository is not known: /),
  ])
})

test('what stays in the repository is not a finding, nor are addresses and paths that are values', async () => {
  const text = `resources: [../base, a.yaml, missing.yaml, "with=equals.yaml"]
commonAnnotations: { path: https://example.com, resources: gh:a/b }
labels:
  - pairs: { a: b }
    fields: [{ path: /spec/x }]
configMapGenerator:
  - name: x
    literals: [url=https://example.com]
    files: [a=b.txt, "odd:name.txt"]
patches:
  - target: { kind: A }
    patch: |
      - { op: add, path: /spec/url, value: "https://example.com" }
patchesStrategicMerge:
  - |
    path: https://example.com
    kind: A
images: [{ name: example.com/a, newName: "example.com:5000/a" }]
`
  expect(await found({ 'app/kustomization.yaml': text, 'base/kustomization.yaml': 'resources: [../app]\n' })).toEqual([])
})
