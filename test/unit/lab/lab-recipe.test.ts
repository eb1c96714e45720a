import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { executablesHome, labHome } from '../../../lab/home.ts'
import { packageRoot } from '../../../lib/base/paths.ts'
import { compileArguments, defaultRecipe, olderFlux, readDefaultRecipe, readFluxRecipe } from '../../../lab/build/recipe.ts'
import { readHelmRecipe, readKubectlRecipe, readMonitoringRecipe } from '../../../lab/build/optional-recipes.ts'

const goMod = readFileSync(`${packageRoot}/lab/go.mod`, 'utf8')

describe('the homes', () => {
  test('the lab lives in the checkout unless FLUX_LAB_HOME says where', () => {
    expect(labHome({})).toBe(`${packageRoot}/.lab`)
    expect(labHome({ FLUX_LAB_HOME: '' })).toBe(`${packageRoot}/.lab`)
    expect(labHome({ FLUX_LAB_HOME: '/srv/lab' })).toBe('/srv/lab')
    expect(labHome({ FLUX_LAB_HOME: 'two' })).toBe(`${process.cwd()}/two`)
  })

  test('executables are shared, in the cache; a relative XDG_CACHE_HOME is not a place', () => {
    expect(executablesHome({ HOME: '/home/ann' })).toBe('/home/ann/.cache/flux-runbook/lab')
    expect(executablesHome({ HOME: '/home/ann', XDG_CACHE_HOME: '/var/cache/ann' })).toBe('/var/cache/ann/flux-runbook/lab')
    expect(executablesHome({ HOME: '/home/ann', XDG_CACHE_HOME: 'cache' })).toBe('/home/ann/.cache/flux-runbook/lab')
  })
})

describe('the recipe of the default set', () => {
  test('has the versions of lab/go.mod', () => {
    const { programs, operatorVersion, modules } = defaultRecipe('lab', goMod)
    const inPods = programs.filter(({ inPods }) => inPods === true).map(({ name }) => name)
    expect(inPods).toEqual(['flux-operator', 'source-controller', 'kustomize-controller', 'helm-controller'])
    for (const { package: path, version } of programs.slice(1)) {
      const module = path.replace(/\/cmd\/\w+$/, '')
      expect(goMod).toMatch(new RegExp(`^\\s${module} ${version}( // indirect)?$`, 'm'))
    }
    expect(operatorVersion).toBe(programs.find(({ name }) => name === 'flux-operator')?.version.slice(1))
    expect(modules).toBeGreaterThan(500)
  })

  test('embeds in the flux CLI the manifests of its own version', () => {
    const recipe = defaultRecipe('lab', goMod.replace(/(fluxcd\/flux2\/v2) v\S+/, '$1 v2.10.11'))
    expect(recipe.embedded).toContainEqual(expect.objectContaining({ folder: 'config/data/flux/v2.10.11' }))
    expect(compileArguments(recipe, '/made')).toContain('-ldflags=github.com/fluxcd/flux2/v2/cmd/flux=-s -w -X main.VERSION=2.10.11')
  })

  test('tells the API server which Kubernetes it is', () => {
    const recipe = defaultRecipe('lab', goMod.replace(/(k8s.io\/kubernetes) v\S+/, '$1 v1.37.0'))
    const flags = compileArguments(recipe, '/made').find((argument) => argument.startsWith('-ldflags=lab/control-plane='))
    for (const value of ['gitVersion=v1.37.0', 'gitMajor=1', 'gitMinor=37'])
      expect(flags).toContain(`-X k8s.io/component-base/version.${value}`)
  })

  test('a go.mod that lacks a module is named', () => {
    expect(() => defaultRecipe('lab', goMod.replace(/^\thelm.sh\/helm\/v4 v.*$/m, ''))).toThrow('lab/go.mod requires no helm.sh/helm/v4')
  })
})

describe('the recipes of older versions of Flux', () => {
  const imagesOf = async (version: string): Promise<string[]> =>
    (await readFluxRecipe(version)).programs.map(({ name, version: own, tag }) => `${name}:${tag ?? own}`)

  test('make the images that those versions ask for', async () => {
    expect(await imagesOf('2.9.4')).toEqual(['source-controller:v1.9.4', 'kustomize-controller:v1.9.4', 'helm-controller:v1.6.3'])
    expect(await imagesOf('2.7.0')).toEqual(['source-controller:v1.7.0', 'kustomize-controller:v1.7.0', 'helm-controller:v1.4.0'])
  })

  test('take no image from the default set', async () => {
    const own = (await readDefaultRecipe()).programs.map(({ name, version }) => `${name}:${version}`)
    for (const version of olderFlux) for (const image of await imagesOf(version)) expect(own).not.toContain(image)
  })

  test('say where a program only stands in for its version', async () => {
    const { programs } = await readFluxRecipe('2.7.0')
    expect(programs.flatMap(({ name, version, tag }) => (tag === undefined ? [] : [`${name} ${version} for ${tag}`]))).toEqual([
      'kustomize-controller v1.7.3 for v1.7.0',
    ])
  })
})

describe('the recipe of the monitoring', () => {
  const ownMod = readFileSync(`${packageRoot}/lab/monitoring/go.mod`, 'utf8')

  test('compiles promtool without the clouds, and nothing else with tags', async () => {
    expect(compileArguments(await readMonitoringRecipe(), '/made')).toContain('-tags=remove_all_sd')
    expect(compileArguments(defaultRecipe('lab', goMod), '/made').join(' ')).not.toContain('-tags')
  })

  test('shares its biggest libraries with the default set, so that they are compiled once', () => {
    const shared = ['k8s.io/api', 'k8s.io/apimachinery', 'k8s.io/client-go', 'k8s.io/kube-openapi'].map((name) => `${name} => ${name} `)
    shared.push('golang.org/x/net ', 'google.golang.org/protobuf ', 'github.com/prometheus/client_golang ')
    for (const library of shared) {
      const version = (mod: string): string | undefined => mod.split(`\t${library}`)[1]?.split(/\s/)[0]
      expect([library, version(ownMod)]).toEqual([library, version(goMod)])
    }
  })
})

describe('the recipe of helm 3', () => {
  test('has every library at the version of the default set, so that little but helm itself is compiled', async () => {
    const versions = (mod: string): Map<string, string> =>
      new Map([...mod.matchAll(/^\t(\S+(?: => \S+)?) (v\S+)/gm)].map(([, name = '', version = '']) => [name, version]))
    const [own, shared] = [versions(readFileSync(`${packageRoot}/lab/helm-3/go.mod`, 'utf8')), versions(goMod)]
    expect([...own].filter(([name, version]) => shared.has(name) && shared.get(name) !== version)).toEqual([])
    expect([own.get('helm.sh/helm/v3'), own.has('k8s.io/client-go'), own.has('oras.land/oras-go/v2')]).toEqual(['v3.18.6', true, true])
    const recipe = await readHelmRecipe()
    expect(recipe.programs).toMatchObject([{ name: 'helm', version: 'v3.18.6' }])
    expect(compileArguments(recipe, '/made')).toContain(
      '-ldflags=helm.sh/helm/v3/cmd/helm=-s -w -X helm.sh/helm/v3/internal/version.version=v3.18.6',
    )
  })
})

test('the recipe of the older kubectl has the version that it is reported, and one main of its own', async () => {
  const recipe = await readKubectlRecipe()
  expect(recipe.programs).toMatchObject([{ name: 'kubectl', package: 'lab/kubectl-1.35', version: 'v1.35.3' }])
  const flags = compileArguments(recipe, '/made').find((argument) => argument.startsWith('-ldflags='))
  for (const [name, value] of [
    ['gitVersion', 'v1.35.3'],
    ['gitMajor', '1'],
    ['gitMinor', '35'],
  ]) {
    expect(flags).toContain(`-X k8s.io/component-base/version.${name}=${value}`)
  }
})
