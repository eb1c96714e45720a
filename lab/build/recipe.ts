import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '../../lib/base/errors.ts'
import { packageRoot } from '../../lib/base/paths.ts'

/** An executable, the Go package it is compiled from and the version of the module that package is of. */
export interface BuiltProgram {
  readonly name: string
  readonly package: string
  readonly version: string
  /** Whether it runs in pods, for the image of its name whose tag is its version. */
  readonly inPods?: boolean
  /** The tag of the image it runs for, where it only stands in for that version. */
  readonly tag?: string
  /** Further names it is called by. */
  readonly links?: readonly string[]
  /** What its own release build tells the linker: Go variables and their values. */
  readonly variables?: Readonly<Record<string, string>>
}

/** A folder of a module, and where it is copied to. */
export interface ModuleFolder {
  readonly module: string
  readonly folder: string
  readonly to: string
}

/** A Go module of the lab and everything that is made of it. */
export interface Recipe {
  readonly name: string
  /** What is said to be built, and how long that takes the first time. */
  readonly title: string
  readonly usually: string
  readonly folder: string
  /** go.mod, go.sum and the module's own sources. */
  readonly files: readonly string[]
  /** How many modules there are to download when none is there yet. */
  readonly modules: number
  readonly programs: readonly BuiltProgram[]
  /** Build tags, where a program has parts that are not wanted. */
  readonly tags?: string
  /** What modules embed but do not carry, put into the vendor folder: copies, and files with a text. */
  readonly embedded: readonly (ModuleFolder | { readonly to: string; readonly text: string })[]
  /** What is needed beside the executables when the lab runs. */
  readonly beside: readonly ModuleFolder[]
}

const operator = 'github.com/controlplaneio-fluxcd/flux-operator'
const flux = 'github.com/fluxcd/flux2/v2'
const helm = 'helm.sh/helm/v4'

export interface DefaultRecipe extends Recipe {
  /** Without `v`, as its chart's. */
  readonly operatorVersion: string
}

/** The recipe of the default set: lab/go.mod, which alone says the versions. */
export async function readDefaultRecipe(): Promise<DefaultRecipe> {
  const folder = join(packageRoot, 'lab')
  return defaultRecipe(folder, await readFile(join(folder, 'go.mod'), 'utf8'))
}

/** The recipe of the default set for this text of its go.mod. */
export function defaultRecipe(folder: string, goMod: string): DefaultRecipe {
  const versionOf = (module: string): string => requiredVersion(goMod, module)
  return {
    name: 'default',
    title: "the lab's executables",
    usually: 'some ten minutes, once',
    folder,
    files: ['go.mod', 'go.sum', 'control-plane/main.go'],
    modules: requirements(goMod),
    programs: [
      {
        name: 'control-plane',
        package: 'lab/control-plane',
        version: versionOf('k8s.io/kubernetes'),
        links: ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'],
        variables: kubernetesVersion(versionOf('k8s.io/kubernetes')),
      },
      {
        name: 'flux-operator',
        package: `${operator}/cmd/operator`,
        version: versionOf(operator),
        inPods: true,
        variables: { 'main.VERSION': versionOf(operator) },
      },
      ...controllersOf(versionOf),
      {
        name: 'helm',
        package: `${helm}/cmd/helm`,
        version: versionOf(helm),
        variables: { [`${helm}/internal/version.version`]: versionOf(helm) },
      },
      {
        name: 'flux',
        package: `${flux}/cmd/flux`,
        version: versionOf(flux),
        // `flux install` uses the manifests it embeds only where this is the version it installs.
        variables: { 'main.VERSION': versionOf(flux).slice(1) },
      },
    ],
    embedded: [
      { to: `${operator}/web/dist/index.html`, text: 'The lab is built without the web interface.\n' },
      { to: `${flux}/cmd/flux/manifests`, module: operator, folder: `config/data/flux/${versionOf(flux)}` },
    ],
    beside: [{ to: 'operator-config', module: operator, folder: 'config' }],
    operatorVersion: versionOf(operator).slice(1),
  }
}

/** The versions of Flux that the lab can run beside that of the default set, each with a Go module of its own below lab/. */
export const olderFlux = ['2.9.4', '2.7.0'] as const

/** What of an older Flux can't be had as a Go module, and what is built in its place. */
const inPlaceOf: Readonly<Record<string, Readonly<Record<string, string>>>> = { '2.7.0': { 'kustomize-controller': 'v1.7.0' } }

/** The recipe of an older Flux: its three controllers. */
export function readFluxRecipe(version: string): Promise<Recipe> {
  const tags = inPlaceOf[version] ?? {}
  return readModuleRecipe(`flux-${version}`, (versionOf) => ({
    name: `flux-${version}`,
    title: `the controllers of Flux ${version}`,
    usually: 'some five minutes, once',
    programs: controllersOf(versionOf).map((program) => {
      const tag = tags[program.name]
      return { ...program, ...(tag === undefined ? {} : { tag }) }
    }),
  }))
}

function controllersOf(versionOf: (module: string) => string): BuiltProgram[] {
  return ['source-controller', 'kustomize-controller', 'helm-controller'].map((name) => {
    const module = `github.com/fluxcd/${name}`
    return { name, package: module, version: versionOf(module), inPods: true }
  })
}

/** What is particular to a recipe whose module is a folder of the lab. */
type ModuleRecipe = Pick<Recipe, 'name' | 'title' | 'usually' | 'programs'> &
  Partial<Pick<Recipe, 'files' | 'tags' | 'embedded' | 'beside'>>

/**
 * The recipe of a module of its own, which not every lab wants.
 * @param path the module's folder below lab/
 * @param particular what to make of it, from the versions that its go.mod requires
 */
export async function readModuleRecipe(path: string, particular: (versionOf: (module: string) => string) => ModuleRecipe): Promise<Recipe> {
  const folder = join(packageRoot, 'lab', path)
  const goMod = await readFile(join(folder, 'go.mod'), 'utf8')
  const { files = ['go.mod', 'go.sum'], embedded = [], beside = [], ...own } = particular((module) => requiredVersion(goMod, module))
  return { folder, modules: requirements(goMod), files, embedded, beside, ...own }
}

/** How many modules a go.mod requires. */
function requirements(goMod: string): number {
  return goMod.match(/^(require)?\s+\S+ v\d\S*( \/\/ indirect)?$/gm)?.length ?? 0
}

/** What a program of Kubernetes is reported its version as it is linked: without, the API server says v0.0.0, and Flux refuses it. */
export function kubernetesVersion(version: string): Record<string, string> {
  const [major = '', minor = ''] = version.slice(1).split('.')
  const variables = 'k8s.io/component-base/version'
  return { [`${variables}.gitVersion`]: version, [`${variables}.gitMajor`]: major, [`${variables}.gitMinor`]: minor }
}

/** The version that a go.mod requires of a module. */
function requiredVersion(goMod: string, module: string): string {
  const words = goMod.split('\n').map((line) =>
    line
      .replace(/^require/, '')
      .trim()
      .split(' '),
  )
  const [, version] = words.find(([name, value]) => name === module && value?.startsWith('v')) ?? []
  if (version === undefined) throw new OperatorError(`lab/go.mod requires no ${module}`, { remedy: 'git restore lab/go.mod' })
  return version
}

/**
 * The arguments for go that compile all of a recipe's programs into a folder. One command for all of them: what they share is compiled once,
 * and while one is being linked the others continue. Go names each after the last part of its package.
 */
export function compileArguments(recipe: Recipe, target: string): string[] {
  const linking = recipe.programs.map((program) => {
    const variables = Object.entries(program.variables ?? {}).map(([name, value]) => ` -X ${name}=${value}`)
    return `-ldflags=${program.package}=-s -w${variables.join('')}`
  })
  // -dwarf=false: -w throws that information away anyway, and not making it saves a twelfth of the work and a fifth of Go's cache.
  return [
    'build',
    '-v',
    '-mod=vendor',
    ...tagsOf(recipe),
    '-gcflags=all=-dwarf=false',
    ...linking,
    '-o',
    `${target}/`,
    ...packagesOf(recipe),
  ]
}

/** The flag for go that says a recipe's build tags. */
export function tagsOf({ tags }: Recipe): string[] {
  return tags === undefined ? [] : [`-tags=${tags}`]
}

/** The Go packages of a recipe's programs. */
export function packagesOf(recipe: Recipe): string[] {
  return recipe.programs.map((program) => program.package)
}
