import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { projectRoot } from '../../lib/settings.ts'

const documents = ['README.md', ...readdirSync(join(projectRoot, 'docs')).map((name) => `docs/${name}`)]
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

/** A script and its subcommand, as the command calls them. */
function calledBy(command: string): string[] {
  const [, , script = '', ...words] = command.split(' ')
  return script.endsWith('lab.ts') ? [script, ...words.slice(0, 1)] : [script]
}

/** Each script's own --help, said by the script itself: importing one runs it, here in this process, which is quicker than one for each. */
const helpTexts = new Map<string, string>()
beforeAll(async () => {
  const called = new Set(commands.filter(({ command }) => command.startsWith('npx ')).map(({ command }) => calledBy(command).join(' ')))
  for (const key of called) helpTexts.set(key, await helpOf(key))
})

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

async function helpOf(call: string): Promise<string> {
  const [script = ''] = call.split(' ')
  const { argv } = process
  const before = signals.map((signal) => process.listeners(signal))
  const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  try {
    process.argv = [process.execPath, 'zx', ...call.split(' '), '--help']
    await import(/* @vite-ignore */ `${join(projectRoot, script)}?${call}`) // a module of its own for each call: it runs each time
    return said.mock.calls.map(([text]) => String(text)).join('')
  } finally {
    said.mockRestore()
    process.argv = argv
    process.exitCode = undefined
    for (const [at, signal] of signals.entries()) {
      for (const listener of process.listeners(signal)) if (before[at]?.includes(listener) !== true) process.off(signal, listener)
    }
  }
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
    const help = helpTexts.get(calledBy(command).join(' '))
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
