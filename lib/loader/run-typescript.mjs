import { existsSync, realpathSync } from 'node:fs'
import module, { register } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

// What runs before every script (.npmrc), so that any Node that is supported runs TypeScript, and starts quickly: what was compiled once is
// kept in node_modules, which is this person's alone, as a temporary folder is not.
const kept = new URL('../../node_modules/.cache/flux-runbook/', import.meta.url)

// zx looks for the script below the working folder. Typed in a folder of the checkout, `scripts/NAME.ts` is this checkout's all the same.
const typed = process.argv.findIndex((word) => /^scripts\/[\w-]+\.ts$/.test(word))
if (typed > 1) {
  const own = fileURLToPath(new URL(`../../${process.argv[typed]}`, import.meta.url))
  if (!existsSync(process.argv[typed]) && existsSync(own)) process.argv[typed] = own
}

// A Node that runs TypeScript by itself can also keep what it made of it, which saves it a quarter of a health check's CPU time.
if (process.features.typescript) module.enableCompileCache?.(fileURLToPath(kept))
else {
  // By zx, or by itself.
  const called = process.argv.slice(1, 3).find((word) => word.endsWith('.ts')) ?? ''
  const isScript = /(^|\/)scripts\/[\w-]+\.ts$/.test(called) && existsSync(called)
  // Reading the map of all that a script is made of takes 75 ms, and a script shows a stack only where it is asked for.
  if (!isScript || process.argv.includes('--verbose')) process.setSourceMapsEnabled(true)
  const script = isScript ? pathToFileURL(realpathSync(called)).href : undefined
  register('./strip-types.mjs', import.meta.url, { data: { kept: fileURLToPath(kept), script } })
}
