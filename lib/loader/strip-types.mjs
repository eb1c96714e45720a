import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundled } from './bundle-script.mjs'

// Module hooks for a Node that cannot run TypeScript by itself. All that is TypeScript here is erasable, so each file becomes JavaScript by
// itself, and once: tsx, which does this too, takes 0.3 s of CPU time to load before the first file (measured, Node 20).

let folder = ''
/** @type {string | undefined} */
let script

/**
 * @param {{ kept: string, script?: string }} data the folder in which JavaScript is kept, by the content it was made from; and the URL of the
 *   script that the process is started for, which is kept as one file with all that it imports
 */
export function initialize({ kept, script: called }) {
  folder = kept
  script = called
}

/** @type {import('node:module').LoadHook} */
export async function load(url, context, next) {
  const { protocol, pathname } = new URL(url)
  if (protocol !== 'file:' || !pathname.endsWith('.ts')) return next(url, context)
  const path = fileURLToPath(url)
  if (url === script) {
    // One that cannot be bundled says why when it is loaded file by file.
    const source = await bundled(folder, path).catch(() => undefined)
    if (source !== undefined) return { format: 'module', source, shortCircuit: true }
  }
  const typescript = readFileSync(path, 'utf8')
  const file = join(folder, `${createHash('sha256').update(`${path}\n${typescript}`).digest('hex')}.js`) // the path is in its source map
  return { format: 'module', source: read(file) ?? (await make(file, path, typescript)), shortCircuit: true }
}

/**
 * @param {string} file
 * @returns {string | undefined}
 */
function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined // not made yet
  }
}

/**
 * @param {string} file
 * @param {string} path
 * @param {string} typescript
 */
async function make(file, path, typescript) {
  const { transform } = await import('esbuild')
  const { code } = await transform(typescript, {
    loader: 'ts',
    format: 'esm',
    target: 'node20',
    sourcefile: path,
    sourcemap: 'inline',
    sourcesContent: false,
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  })
  try {
    mkdirSync(folder, { recursive: true })
    writeFileSync(`${file}.${process.pid}`, code)
    renameSync(`${file}.${process.pid}`, file) // whole or not at all, no matter who makes it at the same time
  } catch {
    // A checkout that cannot be written to is compiled each time.
  }
  return code
}
