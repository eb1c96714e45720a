import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { projectRoot } from '../lib/base/paths.ts'

/** How a script is called: the program and the words before its own. */
export interface Call {
  readonly command: string
  readonly args: readonly string[]
}

/** What .npmrc has npx give to zx. */
const preload = `--import=${join(projectRoot, 'lib', 'loader', 'run-typescript.mjs')}`

/** The installed command, by the Node that runs this. */
export function installed(...words: string[]): Call {
  return { command: process.execPath, args: [join(projectRoot, 'dist', 'flux-runbook.js'), ...words] }
}

/** `npx zx scripts/NAME.ts`, as people type it in a checkout. */
export function byNpx(name: string, ...words: string[]): Call {
  return { command: 'npx', args: ['zx', `scripts/${name}.ts`, ...words] }
}

/** The same without npx, which takes half a second by itself. */
export function byZx(name: string, ...words: string[]): Call {
  return { command: process.execPath, args: [preload, 'node_modules/zx/build/cli.js', `scripts/${name}.ts`, ...words] }
}

/** Makes `dist/` from this checkout. */
export async function buildInstalled(): Promise<void> {
  await promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd: projectRoot })
}
