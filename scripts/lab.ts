import { parseLabCall } from '../lab/command-line.ts'
import { visible } from '../lib/base/outside-text.ts'
import { createConsole } from '../lib/terminal/console.ts'
import { showVersion } from '../lib/terminal/help.ts'
import { argumentsOf, interruptible, main } from '../lib/terminal/main.ts'

await main(async () => {
  const startedAt = new Date().toISOString()
  const call = parseLabCall(argumentsOf('lab'))
  if (call.is === 'version') return showVersion()
  if (call.is === 'help') {
    process.stdout.write(call.text)
    return call.exitCode
  }
  const { name, command, given, words, rest } = call
  const console = createConsole({ clean: (text) => text })
  const signal = command.isInteractive === true ? new AbortController().signal : interruptible()
  const { exitCode, outcome, document } = await command.run({ given, words, rest, console, signal })
  if (given.json === true) {
    const result = {
      schemaVersion: 1,
      script: 'lab',
      command: name,
      startedAt,
      finishedAt: new Date().toISOString(),
      outcome,
      exitCode,
      ...document,
    }
    process.stdout.write(visible(`${JSON.stringify(result, undefined, 2)}\n`))
  }
  return exitCode
})
