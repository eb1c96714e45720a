import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { checkSettings } from '../../../../lib/commands/validate/settings-form.ts'
import { readSource } from '../../../../lib/commands/validate/source.ts'

const root = mkdtempSync(join(tmpdir(), 'settings-form-'))
afterAll(() => rmSync(root, { recursive: true }))

async function found(key: string, value: string): Promise<string[]> {
  const lines = ['apiVersion: v1', 'kind: ConfigMap', 'metadata: { name: flux-settings }', 'data:', `  ${key}: "${value}"`]
  writeFileSync(join(root, 'settings.yaml'), `${lines.join('\n')}\n`)
  const { source } = await readSource(root, 'settings.yaml')
  return checkSettings(source).map(({ line, message, remedy }) => `${line}: ${message}; ${remedy}`)
}

const digest = `sha256:${'a'.repeat(64)}`

test.each([
  ...['off', 'restricted', 'open'].map((value) => ['web_ui', value]),
  ...['', digest].map((value) => ['operator_chart_digest', value]),
  ['instance_chart_digest', digest],
  ...['256Mi', '1Gi', '500M'].map((value) => ['operator_memory_limit', value]),
  ...['', 'https://git.example.com/team/fleet/blob/main/docs/runbooks/flux-self-management.md'].map((value) => ['runbook_url', value]),
])('%s may be "%s"', async (key = '', value = '') => {
  expect(await found(key, value)).toEqual([])
})

test.each([
  ['web_ui', 'on', 'write "off", "restricted" or "open"'],
  ['web_ui', '', 'write "off", "restricted" or "open"'],
  ['operator_chart_digest', 'a'.repeat(64), 'write sha256: and 64 hexadecimal digits, or ""'],
  ['kustomize_memory_limit', '256', 'write a quantity such as 256Mi'],
  ['controllers_memory_limit', '256m', 'write a quantity such as 256Mi'],
  ['runbook_url', 'docs/runbooks', 'write https://HOST/PATH, without #, or ""'],
])('%s may not be "%s"', async (key, value, remedy) => {
  expect(await found(key, value)).toEqual([`5: ${key} is "${value}"; ${remedy}`])
})
