/**
 * Builds `dist/`, which is the installed command: every script, and all that it imports, as JavaScript in one folder. What scripts share is in
 * files of its own, so that each loads what it uses. `npm pack` runs this; nothing runs at install.
 */
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { packageRoot } from '../lib/base/paths.ts'
import { descriptionsIn } from './command-descriptions.ts'
import { describeCommands } from './describe-commands.ts'
import { withInstalledCalls } from './installed-calls.ts'

/** The checkout's own, unless another folder is named for it, as the lab does for its pods. */
const dist = join(process.argv[2] ?? packageRoot, 'dist')

/** What is started by itself, or by its name: the program, the scripts, and the two that run as a process of their own. */
const entries = [
  'installed/flux-runbook.ts',
  ...(await readdir(join(packageRoot, 'scripts'))).map((name) => `scripts/${name}`),
  'lab/supervisor.ts',
  'lib/commands/validate/ask-help.ts',
]

const installedCalls: Plugin = {
  name: 'installed-calls',
  setup(loading) {
    loading.onLoad({ filter: /\/(?:lib|lab|scripts|installed)\/.*\.ts$/ }, async ({ path }) => ({
      contents: withInstalledCalls(await readFile(path, 'utf8')),
      loader: 'ts',
    }))
  },
}

await rm(dist, { recursive: true, force: true })
await build({
  absWorkingDir: packageRoot,
  entryPoints: entries,
  entryNames: '[name]',
  chunkNames: 'shared-[hash]',
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
  plugins: [installedCalls],
  logLevel: 'warning',
})
await chmod(join(dist, 'flux-runbook.js'), 0o755)
const descriptionsFolder = descriptionsIn(dist)
await mkdir(descriptionsFolder)
for (const description of await describeCommands(packageRoot)) {
  await writeFile(join(descriptionsFolder, `${description.script}.json`), `${withInstalledCalls(JSON.stringify(description))}\n`)
}
