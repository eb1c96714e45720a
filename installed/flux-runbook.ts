#!/usr/bin/env node
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
// Nothing is imported before this, for an older Node would only say of some import that it cannot.
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`Node 20.19 or newer is needed, and this is ${process.version}: https://nodejs.org\n`)
  process.exitCode = 3
} else {
  // Reading the source maps takes longer than a short command, and only a stack is better for it.
  if (process.argv.includes('--verbose')) process.setSourceMapsEnabled(true)
  const { keepCompiled } = await import('./compile-cache.ts')
  keepCompiled()
  const { runProgram } = await import('./program.ts')
  await runProgram(process.argv.slice(2))
}
export {}
