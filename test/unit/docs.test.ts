import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { projectRoot } from '../../lib/settings.ts'

const documents = ['README.md', 'docs/commands.md', 'docs/how-it-works.md']
const read = (file: string): string => readFileSync(join(projectRoot, file), 'utf8')

/** Every command in a shell block, without its comment. */
const commands = documents.flatMap((file) =>
  [...read(file).matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block = '']) =>
    block
      .split('\n')
      .map((line) => line.replace(/\s+#.*$/, '').trim())
      .filter((line) => line !== '')
      .map((command) => ({ file, command })),
  ),
)

const helpTexts = new Map<string, string>()
/** A script's own --help: what a person would see. */
function helpOf(script: string, words: readonly string[]): string {
  const key = [script, ...words].join(' ')
  const known = helpTexts.get(key)
  if (known !== undefined) return known
  const help = execFileSync('npx', ['zx', script, ...words, '--help'], {
    cwd: projectRoot,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  helpTexts.set(key, help)
  return help
}

describe('the documents', () => {
  test('show commands at all', () => {
    expect(commands.length).toBeGreaterThan(10)
  })
  test.each(commands)('$file: $command', ({ command }) => {
    const [program, ...words] = command.split(' ')
    if (program === 'npm') {
      const { scripts } = v.parse(
        v.pipe(v.string(), v.parseJson(), v.object({ scripts: v.record(v.string(), v.string()) })),
        read('package.json'),
      )
      expect(Object.keys(scripts)).toContain(words[0])
      return
    }
    expect([program, words[0]]).toEqual(['npx', 'zx'])
    const script = words[1] ?? ''
    expect(existsSync(join(projectRoot, script))).toBe(true)
    const own = words.slice(2, words.includes('--') ? words.indexOf('--') : undefined)
    const subcommand = script.endsWith('lab.ts') ? own.slice(0, 1) : []
    const help = helpOf(script, subcommand)
    for (const flag of own.filter((word) => word.startsWith('--'))) expect(help).toContain(`  ${flag.split('=')[0]}`)
  })
  test.each(documents)('%s links to files that are there', (file) => {
    for (const [, target = ''] of read(file).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
      expect(existsSync(join(projectRoot, dirname(file), target)), `${file} links to ${target}`).toBe(true)
    }
  })
  test('.env.example has every variable that is read, and no other', async () => {
    const { variables } = await import('../../lib/settings.ts')
    const named = new Set([...read('.env.example').matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name))
    expect(named).toEqual(new Set(variables))
  })
})
