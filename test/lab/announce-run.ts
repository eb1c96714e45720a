import { openAnnouncer } from '../../lib/announce/announcer.ts'
import { createConsole } from '../../lib/console.ts'
import { openRecord } from '../../lib/record.ts'
import { createRedactor } from '../../lib/redactor.ts'
import { findInterrupted } from '../../lib/runs.ts'
import { readSettings } from '../../lib/settings.ts'

// A run that only silences alerts: `announce-run.ts HOME`. It lives until it is killed, or is told to end on its standard input.
const home = process.argv[2] ?? ''
const redactor = createRedactor()
const record = openRecord('rebuild', redactor.clean)
record.know({ context: 'lab-infra', server: 'https://127.0.0.1', uid: 'one' })
const earlier = findInterrupted(home, 'lab-infra', 'rebuild')
if (earlier !== undefined) record.continueAs(earlier)
record.keepIn(home)
const { settings } = await readSettings(redactor, { file: '/nowhere' })
const announcer = openAnnouncer(settings, 'infra', redactor, createConsole({ clean: redactor.clean, log: record.log }))
const silence = await announcer.silence(record.memory, 'rebuild of infra')
process.stdout.write(`${JSON.stringify(record.memory.read())}\n`)
process.stdin.once('data', () => {
  void silence.end().then(() => {
    record.conclude({ outcome: 'done' }, undefined)
    process.exit()
  })
})
