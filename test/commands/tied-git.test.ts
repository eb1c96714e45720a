import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { projectRoot } from '../../lib/base/paths.ts'

test('git’s helper, which waits for a server that says nothing, ends with a run that is killed', async () => {
  const server = createServer()
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/a.git`
  const body = `import { git } from './lib/tools/git.ts'
await git(['ls-remote', '--', '${url}'])`
  const loader = join(projectRoot, 'lib/loader/run-typescript.mjs')
  const run = spawn(process.execPath, [`--import=${loader}`, '--input-type=module', '--eval', body], { cwd: projectRoot, stdio: 'inherit' })
  const [connection] = await once(server, 'connection')
  const closed = once(connection.on('error', () => undefined).resume(), 'close')
  run.kill('SIGKILL')
  await closed // the helper's end of it is open for as long as the helper lives
  expect(connection.destroyed).toBe(true)
})
