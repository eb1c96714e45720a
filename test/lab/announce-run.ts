import { openAnnouncer } from '../../lib/notify/notifier.ts'
import { createConsole } from '../../lib/terminal/console.ts'
import { openJournal } from '../../lib/runner/run-journal.ts'
import { createRedactor } from '../../lib/base/redactor.ts'
import { findInterrupted } from '../../lib/runner/run-store.ts'
import { readSettings } from '../../lib/connection/settings.ts'

// A run that only silences alerts: `announce-run.ts HOME`. It lives until it is killed, or is asked to end on its standard input.
const home = process.argv[2] ?? ''
const redactor = createRedactor()
const record = openJournal('rebuild', redactor.clean)
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
