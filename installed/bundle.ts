import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { packageRoot } from '../lib/base/paths.ts'
import { withInstalledCalls } from './installed-calls.ts'

/** What is bundled together: each entry becomes a file of its name, and what they share files of their own. */
export interface Bundle {
  /** Files, by their path in the checkout. */
  readonly entries: readonly string[]
  /** What the names of the shared files begin with. */
  readonly shared: string
  /** Packages that are not put into it, each with the entry of another bundle that is it: `installed/undici.ts`. */
  readonly libraries?: Readonly<Record<string, string>>
  /** Entries of other bundles that these import, by their path in the checkout. */
  readonly elsewhere?: readonly string[]
}

/** The texts of our own modules call the installed command. */
const installedCalls: Plugin = {
  name: 'installed-calls',
  setup(loading) {
    loading.onLoad({ filter: /\/(?:lib|lab|scripts|installed)\/.*\.ts$/ }, async ({ path }) => ({
      contents: withInstalledCalls(await readFile(path, 'utf8')),
      loader: 'ts',
    }))
  },
}

/** A source map that maps nothing. */
const unmapped = Buffer.from('{"version":3,"sources":["dependency"],"names":[],"mappings":"AAAA"}').toString('base64')

/** A stack's lines in a dependency are of no use to people here, and their maps would be a third of the package. */
const dependencies: Plugin = {
  name: 'dependencies',
  setup(loading) {
    loading.onLoad({ filter: /\/node_modules\/.*\.[cm]?js$/ }, async ({ path }) => ({
      contents: `${await readFile(path, 'utf8')}\n//# sourceMappingURL=data:application/json;base64,${unmapped}`,
      loader: 'js',
    }))
  },
}

function otherBundles({ libraries = {}, elsewhere = [] }: Bundle): Plugin {
  return {
    name: 'other-bundles',
    setup(resolving) {
      const outside = (entry: string) => ({ path: `./${basename(entry, '.ts')}.js`, external: true })
      for (const [name, entry] of Object.entries(libraries)) resolving.onResolve({ filter: new RegExp(`^${name}$`) }, () => outside(entry))
      for (const entry of elsewhere) {
        const filter = new RegExp(`/${entry.replace('.', '\\.')}$`)
        resolving.onResolve({ filter }, ({ kind }) => (kind === 'entry-point' ? undefined : outside(entry)))
      }
    },
  }
}

/** Bundles them into the folder. */
export async function bundle(dist: string, one: Bundle): Promise<void> {
  await build({
    absWorkingDir: packageRoot,
    entryPoints: [...one.entries],
    entryNames: '[name]',
    chunkNames: `${one.shared}-[hash]`,
    outdir: dist,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: true,
    sourcesContent: false, // a stack names file and line; the text is in the repository
    minifySyntax: true,
    minifyWhitespace: true, // identifiers stay: a stack is to be read
    legalComments: 'none',
    // Dependencies that are CommonJS ask for Node's modules by `require`, which a module does not have.
    banner: { js: "import{createRequire as requireFor}from'node:module';const require=requireFor(import.meta.url);" },
    plugins: [installedCalls, dependencies, otherBundles(one)],
    logLevel: 'warning',
  })
}
