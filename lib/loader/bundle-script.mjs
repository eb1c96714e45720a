import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

// One file of JavaScript for a script and all that it imports: to open hundreds of files one by one takes longer than most scripts run
// (measured, Node 20: recover needs 1.4 s of CPU time until it begins, and 0.4 s as one file).

/** Dependencies that are CommonJS ask for Node's modules by `require`, which a module does not have. */
const banner = "import{createRequire as requireFor}from'node:module';const require=requireFor(import.meta.url);"

/** A source map that maps nothing: a stack's lines in a dependency are of no use to people, and their maps are most of the file. */
const unmapped = Buffer.from('{"version":3,"sources":["dependency"],"names":[],"mappings":"AAAA"}').toString('base64')

/** The last line of the file: what it was made from, and how each of these files looked. In the same file, as two could differ. */
const inputsComment = '\n//inputs '

/**
 * The script as JavaScript: what is kept of it, unless a file that it was made from has changed since.
 * @param {string} folder where it is kept
 * @param {string} script
 */
export async function bundled(folder, script) {
  const file = join(folder, `${createHash('sha256').update(script).digest('hex')}.bundle.js`)
  return kept(file) ?? (await make(file, script))
}

/**
 * @param {string} file
 * @returns {string | undefined}
 */
function kept(file) {
  try {
    const javascript = readFileSync(file, 'utf8')
    /** @type {Record<string, string>} */
    const inputs = JSON.parse(javascript.slice(javascript.lastIndexOf(inputsComment) + inputsComment.length))
    if (Object.entries(inputs).every(([path, seen]) => lookOf(path) === seen)) return javascript
  } catch {
    // not made yet, or one of the files is gone
  }
  return undefined
}

/**
 * What changes whenever a file does.
 * @param {string} path
 */
function lookOf(path) {
  const { mtimeNs, ctimeNs, size, ino } = statSync(path, { bigint: true })
  return [mtimeNs, ctimeNs, size, ino].join(' ')
}

/**
 * @param {string} file
 * @param {string} script
 */
async function make(file, script) {
  const { build } = await import('esbuild')
  /** @type {Record<string, string>} */
  const inputs = {}
  const { outputFiles } = await build({
    entryPoints: [script],
    outfile: file,
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'inline',
    sourcesContent: false,
    minifySyntax: true,
    minifyWhitespace: true, // identifiers stay: a stack is to be read
    legalComments: 'none',
    banner: { js: banner },
    plugins: [readingInto(inputs)],
    logLevel: 'silent',
  })
  const javascript = `${outputFiles[0]?.text ?? ''}${inputsComment}${JSON.stringify(inputs)}`
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(`${file}.${process.pid}`, javascript)
    renameSync(`${file}.${process.pid}`, file) // whole or not at all, no matter who makes it at the same time
  } catch {
    // A checkout that cannot be written to is bundled each time.
  }
  return javascript
}

/**
 * Reads each file, and notes how it looked before that: one that is written to meanwhile has changed since.
 * @param {Record<string, string>} inputs
 * @returns {import('esbuild').Plugin}
 */
function readingInto(inputs) {
  return {
    name: 'reading',
    setup(loading) {
      loading.onLoad({ filter: /\.(ts|[cm]?js|json)$/ }, ({ path }) => {
        inputs[path] = lookOf(path)
        const text = readFileSync(path, 'utf8')
        if (path.endsWith('.ts')) return { contents: inPlace(path, text), loader: 'ts' }
        if (extname(path) === '.json') return { contents: text, loader: 'json' }
        return { contents: `${text}\n//# sourceMappingURL=data:application/json;base64,${unmapped}`, loader: 'js' }
      })
    },
  }
}

/**
 * A module that still finds what lies beside its own file.
 * @param {string} path
 * @param {string} typescript
 */
function inPlace(path, typescript) {
  /** @type {Record<string, string>} */
  const places = { filename: path, dirname: dirname(path), url: pathToFileURL(path).href }
  return typescript.replaceAll(/\bimport\.meta\.(filename|dirname|url)\b/g, (_, place) => JSON.stringify(places[place]))
}
