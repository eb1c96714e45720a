import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { projectRoot } from '../../lib/base/paths.ts'

const lines = readFileSync(join(projectRoot, 'test/words.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
const words = lines.filter((line) => !line.startsWith('except ')).map((line) => line.split(' → '))

/** What people read, and the code; not tests' fixtures, which are other people's texts, nor names that the contract fixes. */
const places = ['docs', 'kubernetes', 'lib', 'scripts', 'lab', 'pulumi', 'bench', 'test/lab', 'test/unit']
const files = [...readdirSync(projectRoot).filter((name) => /\.(md|example)$/.test(name)), ...places.flatMap(filesBelow)].filter(
  (file) => /\.(md|ts|mjs|ya?ml|example|tpl|go)$/.test(file) && file !== 'test/unit/words.test.ts',
)

function filesBelow(folder: string): string[] {
  return readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => !file.includes('node_modules') && statSync(join(projectRoot, file)).isFile())
}

const contents = new Map(files.map((file) => [file, readFileSync(join(projectRoot, file), 'utf8')]))

function found(pattern: RegExp, file: string): string[] {
  const content = contents.get(file) ?? ''
  if (!pattern.test(content)) return []
  return content
    .split('\n')
    .flatMap((line, index) => (pattern.test(line) && !isAllowed(file, line) ? [`${file}:${index + 1}: ${line.trim()}`] : []))
}

function isAllowed(file: string, line: string): boolean {
  const allowed = lines.flatMap((one) => (one.startsWith(`except ${file}: `) ? [one.slice(`except ${file}: `.length)] : []))
  return allowed.some((text) => line.includes(text))
}

test.each(words)('%s is said as %s', (pattern = '') => {
  const expression = new RegExp(pattern)
  expect(files.flatMap((file) => found(expression, file))).toEqual([])
})

test('the list has words, and each exception is still needed', () => {
  expect(words.length).toBeGreaterThan(5)
  for (const line of lines.filter((one) => one.startsWith('except '))) {
    const [, file = '', text = ''] = /^except ([^:]+): (.*)$/.exec(line) ?? []
    expect(readFileSync(join(projectRoot, file), 'utf8')).toContain(text)
  }
})

test('no exported name of lib/ has two meanings', () => {
  const names = files
    .filter((file) => file.startsWith('lib/'))
    .flatMap((file) => [
      ...readFileSync(join(projectRoot, file), 'utf8').matchAll(/^export (?:async )?(?:function\*?|const|interface|type|class) (\w+)/gm),
    ])
    .map(([, name]) => name)
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
})

test.each(files.filter((file) => file.startsWith('docs/')))('%s says in its third line whom it is for', (file) => {
  expect((contents.get(file) ?? '').split('\n')[2]).toMatch(/^For .*:|^For (?:any|every)one .*/)
})
