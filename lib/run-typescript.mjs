import module, { register } from 'node:module'
import { fileURLToPath } from 'node:url'

// What runs before every script (.npmrc), so that any Node that is supported runs TypeScript, and starts quickly: what was compiled once is
// kept in node_modules, which is this person's alone, as a temporary folder is not.
const kept = new URL('../node_modules/.cache/flux-runbook/', import.meta.url)

// A Node that runs TypeScript by itself can also keep what it made of it, which saves it a quarter of a health check's CPU time.
if (process.features.typescript) module.enableCompileCache?.(fileURLToPath(kept))
else {
  process.setSourceMapsEnabled(true)
  register('./strip-types.mjs', import.meta.url, { data: fileURLToPath(kept) })
}
