import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { projectRoot } from '../../lib/base/paths.ts'

const page = readFileSync(join(projectRoot, 'ARCHITECTURE.md'), 'utf8')
const named = [...new Set([...page.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span))]
const isPath = (span: string): boolean => span.includes('/') && !span.startsWith('npx ')

/** What the project's files declare: functions, types, constants, members. */
function declared(): string {
  const files = ['lib', 'lab', 'scripts', 'installed'].flatMap((folder) =>
    readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.includes('node_modules'))
      .map((path) => join(projectRoot, folder, path)),
  )
  return files.map((file) => readFileSync(file, 'utf8')).join('\n')
}

test('every path that ARCHITECTURE.md gives is there', () => {
  const paths = named.filter(isPath)
  expect(paths.length).toBeGreaterThan(30)
  // `checks/` and `steps/` are in the folder of every command.
  const missing = paths.filter(
    (path) => !existsSync(join(projectRoot, path)) && !existsSync(join(projectRoot, 'lib/commands/upgrade', path)),
  )
  expect(missing).toEqual([])
})

test('every name that ARCHITECTURE.md gives is in the code', () => {
  const code = declared()
  const names = named.filter((span) => !isPath(span) && /^[a-zA-Z]+(\.[a-z]+)?$/.test(span))
  expect(names.length).toBeGreaterThan(15)
  const files = ['prepare.ts', 'state.ts']
  expect(names.filter((name) => !files.includes(name) && !new RegExp(`\\b${name.replace('.', '\\.')}\\b`).test(code))).toEqual([])
})
