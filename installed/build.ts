/**
 * Builds `dist/`, which is the installed command: every script, and all that it imports, as JavaScript in one folder. What scripts share is in
 * files of its own, so that each loads what it uses. `npm pack` runs this; nothing runs at install.
 */
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { packageRoot } from '../lib/base/paths.ts'
import { bundle } from './bundle.ts'
import { descriptionsIn } from './command-descriptions.ts'
import { describeCommands } from './describe-commands.ts'
import { withInstalledCalls } from './installed-calls.ts'

/** The checkout's own, unless another folder is named for it, as the lab does for its pods. */
const dist = join(process.argv[2] ?? packageRoot, 'dist')
const filesIn = async (folder: string): Promise<string[]> => (await readdir(join(packageRoot, folder))).map((name) => `${folder}/${name}`)

const packages = await filesIn('installed/libraries')
const libraries = Object.fromEntries(packages.map((path) => [basename(path, '.ts'), path]))
/** What scripts share with one another is in fifty small files, which take longer to open than to run: what is to be quick shares with none. */
const quick = 'scripts/health-check.ts'
const scripts = (await filesIn('scripts')).filter((path) => path !== quick)
/** The same goes for the program, which loads them by their names. */
const program = 'installed/flux-runbook.ts'
/** What is started by itself, or by its name: the scripts, and the two that run as a process of their own. */
const entries = [...scripts, 'lab/supervisor.ts', 'lib/commands/validate/ask-help.ts']

await rm(dist, { recursive: true, force: true })
await bundle(dist, { entries: packages, shared: 'library' })
await bundle(dist, { entries: [quick], shared: 'health', libraries })
await bundle(dist, { entries: [program], shared: 'program', libraries, elsewhere: [quick, ...entries] })
await bundle(dist, { entries, shared: 'shared', libraries, elsewhere: [quick] })
await chmod(join(dist, 'flux-runbook.js'), 0o755)
const descriptionsFolder = descriptionsIn(dist)
await mkdir(descriptionsFolder)
for (const description of await describeCommands(packageRoot)) {
  await writeFile(join(descriptionsFolder, `${description.script}.json`), `${withInstalledCalls(JSON.stringify(description))}\n`)
}
