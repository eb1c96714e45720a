import { moduleFile } from '../../process/own-module.ts'

/**
 * Runs scripts with --help one after the other in this process, and prints what they said as one JSON object: what they share is loaded once.
 * A script runs when it is imported; the query makes each import a new one.
 */
const asked = process.argv.slice(2)
const said: Record<string, string> = {}
const write = process.stdout.write.bind(process.stdout)
for (const [index, call] of asked.entries()) {
  const [script = '', ...words] = call.split(' ')
  let text = ''
  process.stdout.write = (chunk: Uint8Array | string): boolean => {
    text += String(chunk)
    return true
  }
  process.argv = [process.execPath, 'zx', script, ...words, '--help']
  await import(`${moduleFile(script, process.cwd())}?${index}`)
  said[call] = text
}
process.stdout.write = write
write(JSON.stringify(said))
process.exitCode = 0
