import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { projectRoot } from '../../../lib/base/paths.ts'

const preload = /^node-options=(--import=.*)$/m.exec(readFileSync(join(projectRoot, '.npmrc'), 'utf8'))?.[1] ?? ''

/** Starts this Node as npx does in this checkout, but has it take itself for another version. */
function startAs(version: string): Promise<{ stdout: string }> {
  const options = preload.replace('process.versions.node', `'${version}'`)
  return promisify(execFile)(process.execPath, ['-e', 'console.log("started")'], { env: { NODE_OPTIONS: options } })
}

test('a Node that is too old is asked so before anything of it fails', async () => {
  const ended = startAs('18.20.8')
  await expect(ended).rejects.toMatchObject({ code: 3, stdout: '' })
  await expect(ended).rejects.toThrow(`Node 20.19 or newer is needed, and this is ${process.version}: https://nodejs.org`)
  await expect(startAs('20.18.3')).rejects.toMatchObject({ code: 3 })
})

test.each(['20.19.0', '22.1.0'])('Node %s starts', async (version) => {
  expect((await startAs(version)).stdout).toBe('started\n')
})
