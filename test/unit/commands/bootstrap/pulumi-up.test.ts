import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { OperatorError } from '../../../../lib/base/errors.ts'
import type { Stack } from '../../../../lib/commands/bootstrap/pulumi-stack.ts'
import { pulumiUp } from '../../../../lib/commands/bootstrap/steps/pulumi-up.ts'
import { ApiError } from '../../../../lib/kubernetes/http.ts'
import { given, stage } from '../../run-stage.ts'

function ownFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pulumi-up-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Carries a stack out while every check of the cluster fails with this; Pulumi ends by itself after the first one. */
async function upWhile(error: Error, folder = ownFolder()) {
  const unused = (): never => {
    throw new Error('not asked for')
  }
  let isUp = false
  let checked = (): void => undefined
  const checking = new Promise<void>((resolve) => {
    checked = resolve
  })
  const stack: Stack = {
    name: 'infra',
    folder,
    typed: (words) => `pulumi ${words}`,
    readConfig: unused,
    setConfig: unused,
    readState: unused,
    exportState: unused,
    build: unused,
    readLocks: unused,
    clearInterrupted: unused,
    forget: unused,
    planned: () => stack,
    showDiff: () => Promise.resolve('+ stringData: { password: "hunter2" }\n'),
    preview: () => Promise.resolve({ changes: isUp ? [] : [{ operation: 'update', kind: 'Deployment' }], objects: [], lost: [] }),
    async up(_, stop) {
      await checking
      await new Promise(setImmediate)
      if (stop?.aborted === true) throw new Error('interrupted')
      isUp = true
    },
  }
  const starts = {
    watches: [],
    verify: () => {
      checked()
      return Promise.reject(error)
    },
  }
  const memory = { read: () => ({}), write: () => undefined, folder: () => folder }
  return stage([pulumiUp(stack, starts)], given, undefined, {}, { world: { memory, clean: (text) => text.replaceAll('hunter2', '***') } })
    .result
}

test('the preview that is kept has no secret of the run', async () => {
  const folder = ownFolder()
  await upWhile(new ApiError(503, 'ServiceUnavailable', 'the API does not answer'), folder)
  expect(readFileSync(join(folder, 'pulumi-preview.txt'), 'utf8')).toBe('+ stringData: { password: "***" }\n')
})

test('a failed request does not end pulumi up', async () => {
  expect(await upWhile(new ApiError(503, 'ServiceUnavailable', 'the API does not answer'))).toMatchObject({ outcome: 'done' })
})

test('what never starts ends it, and is the reason', async () => {
  const why = 'Deployment flux-system/source-controller cannot run x: it exits'
  const { failure } = await upWhile(new OperatorError(why))
  expect(failure?.message).toContain(why)
})
