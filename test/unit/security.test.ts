import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectRoot } from '../../lib/base/paths.ts'

const page = readFileSync(join(projectRoot, 'SECURITY.md'), 'utf8')
const threats = page
  .slice(page.indexOf('## Threats'))
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(2)

describe('the threat model', () => {
  test('has a test in each row', () => {
    expect(threats.length).toBeGreaterThan(20)
    for (const row of threats) expect(row).toMatch(/\| `test\/[\w/-]+\.test\.ts`: “[^”]+”(, `test\/[\w/-]+\.test\.ts`: “[^”]+”)* \|$/)
  })

  test.each([...page.matchAll(/`(test\/[\w/-]+\.test\.ts)`: “([^”]+)”/g)].map(([, file = '', title = '']) => [file, title]))(
    'names what exists: %s, %s',
    (file, title) => {
      expect(existsSync(join(projectRoot, file))).toBe(true)
      expect(readFileSync(join(projectRoot, file), 'utf8').replaceAll("\\'", "'")).toContain(title)
    },
  )
})
