import { describe, expect, test } from 'vitest'
import { findVersionPlaces } from '../../../../lib/desired-state/version-places.ts'
import { nameAt, placeVersions, type VersionFile } from '../../../../lib/commands/upgrade/version-file.ts'

const neverExported = (): Promise<string> => Promise.reject(new Error('it is not to be exported'))

function fileOf(
  file: string,
  text: string,
  exported: Parameters<typeof placeVersions>[1] = neverExported,
): { name: string; file: VersionFile } {
  const [place] = findVersionPlaces([{ file, text }])
  if (place === undefined) throw new Error(`no place in ${text}`)
  return { name: nameAt(place), file: placeVersions(place, exported) }
}

/** A clone whose file has been so, the newest first; `undefined` where a commit had taken it away. */
const cloneOf = (...texts: readonly (string | undefined)[]): Parameters<VersionFile['write']>[0] => ({
  read: () => Promise.resolve(texts[0] ?? ''),
  history: () => Promise.resolve(texts.map((_, index) => String(index))),
  show: (commit) => {
    const text = texts[Number(commit)]
    return text === undefined ? Promise.reject(new Error('not there')) : Promise.resolve(text)
  },
})

describe('at each kind of place the version is read, changed, and left as it is where it is so already', () => {
  test.each([
    ['version', 'kind: FluxInstance\nspec:\n  distribution:\n    # renovate: here\n    version: "2.9.4"\n'],
    ['version', 'kind: HelmRelease\nspec:\n  chartRef: {name: flux-instance}\n  values: {instance: {distribution: {version: v2.9.4}}}\n'],
    ['tag', 'kind: OCIRepository\nspec:\n  url: oci://r.example/charts/flux-operator\n  ref: {tag: 2.9.4}\n'],
    ['semver', 'kind: OCIRepository\nspec:\n  url: oci://r.example/charts/flux-operator\n  ref: {semver: 2.9.4}\n'],
    ['ref', 'resources:\n- github.com/fluxcd/flux2//manifests/install?ref=v2.9.4 # renovate\n'],
    [
      'flux_version',
      'kind: ConfigMap\ndata: {flux_version: 2.9.4}\n---\nkind: FluxInstance\nspec: {distribution: {version: "${flux_version}"}}\n',
    ],
  ])('%s in %j', async (name, text) => {
    const found = fileOf('x.yaml', text)
    expect(found.name).toBe(name)
    expect(found.file.read(text)).toEqual({ [name]: '2.9.4' })
    const changed = await found.file.write(cloneOf(text), { [name]: '2.9.5' })
    expect(changed).toBe(text.replace('2.9.4', '2.9.5'))
    expect(found.file.read(changed)).toEqual({ [name]: '2.9.5' })
    expect(await found.file.write(cloneOf(text), { [name]: '2.9.4' })).toBe(text)
    expect(await found.file.write(cloneOf(text), {})).toBe(text)
  })
})

test('a place that is there no more says nothing, and cannot be changed', async () => {
  const { file, name } = fileOf('x.yaml', 'kind: FluxInstance\nspec: {distribution: {version: 2.9.4}}\n')
  expect(file.read('kind: ConfigMap\n')).toEqual({})
  await expect(file.write(cloneOf('kind: ConfigMap\n'), { [name]: '2.9.5' })).rejects.toThrow('x.yaml:2 holds no version')
})

describe('the manifests of Flux itself', () => {
  const manifests = (version: string, more = ''): string =>
    `# Flux Version: v${version}\n# Components: source-controller\n${more}kind: Deployment\napiVersion: apps/v1\nmetadata: {name: source-controller, namespace: gitops}\n` +
    `spec: {template: {spec: {containers: [{name: manager, image: "r.example/source-controller:v1"}]}}}\n`

  test('are made by the flux CLI, with what they were made with', async () => {
    const asked: unknown[] = []
    const { file, name } = fileOf('own/gotk-components.yaml', manifests('2.9.4'), (args, version) => {
      asked.push(args, version)
      return Promise.resolve(manifests(version))
    })
    expect(name).toBe('Flux Version')
    expect(await file.write(cloneOf(manifests('2.9.4')), { [name]: '2.9.5' })).toBe(manifests('2.9.5'))
    expect(asked).toEqual([
      [
        'install',
        '--export',
        '--version=v2.9.5',
        '--components=source-controller',
        '--namespace=gitops',
        '--registry=r.example',
        '--network-policy=false',
      ],
      '2.9.5',
    ])
  })

  test('are restored as they were, without a flux CLI of that version', async () => {
    const { file, name } = fileOf('own/gotk-components.yaml', manifests('2.9.5'))
    const older = manifests('2.9.4', '# by hand\n')
    const clone = cloneOf(manifests('2.9.5'), undefined, older, manifests('2.9.4'))
    expect(await file.write(clone, { [name]: '2.9.4' })).toBe(older)
  })

  test('are not restored with other components than there are now', async () => {
    const { file, name } = fileOf('own/gotk-components.yaml', manifests('2.9.5'), (_, version) => Promise.resolve(`made of ${version}`))
    const others = manifests('2.9.4').replace('# Components: source-controller', '# Components: source-controller,helm-controller')
    expect(await file.write(cloneOf(manifests('2.9.5'), others), { [name]: '2.9.4' })).toBe('made of 2.9.4')
  })
})
