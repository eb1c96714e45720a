import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { variables } from '../../lib/connection/settings.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { checkDocuments, shownCommandsOf, documentsIn, headingsOf } from '../../lib/commands/validate/documents.ts'
import { showFinding } from '../../lib/commands/validate/diagnostic.ts'

const documents = [...(await documentsIn(projectRoot)), 'ARCHITECTURE.md', 'CONTRIBUTING.md']

describe('the documents', () => {
  test('show commands at all', async () => {
    const commands = await Promise.all(documents.map((file) => shownCommandsOf(projectRoot, file)))
    expect(commands.flat().length).toBeGreaterThan(10)
  })

  test('name scripts, flags, files and headings that are there', { timeout: 60_000 }, async () => {
    expect((await checkDocuments(projectRoot, documents)).map(showFinding)).toEqual([])
  })

  test('show YAML that can be read', () => {
    const blocks = documents.flatMap((file) =>
      [...readFileSync(join(projectRoot, file), 'utf8').matchAll(/^```ya?ml\n(.*?)^```/gms)].map(([, text = '']) => ({ file, text })),
    )
    expect(blocks.length).toBeGreaterThan(5)
    const broken = blocks.flatMap(({ file, text }) =>
      parseAllDocuments(text).flatMap((document) => document.errors.map(({ message }) => `${file}: ${message}`)),
    )
    expect(broken).toEqual([])
  })

  test('keep captures and keys out of every checkout', async () => {
    const commands = (await Promise.all(documents.map((file) => shownCommandsOf(projectRoot, file)))).flat()
    const places = commands.flatMap(({ file, line, words }) =>
      words.flatMap((word, at) => {
        const [flag = '', inline] = word.split('=')
        if (!['--out', '--copy-to', '--from', '--identity'].includes(flag)) return []
        return [{ where: `${file}:${line}`, place: inline ?? words[at + 1] ?? '' }]
      }),
    )
    expect(places.length).toBeGreaterThan(5)
    expect(places.filter(({ place }) => !/^(~|\/media|\/mnt)\//.test(place))).toEqual([])
    const keys = documents.flatMap((file) => [...readFileSync(join(projectRoot, file), 'utf8').matchAll(/age-keygen -o (\S+)/g)])
    expect(keys.filter(([, place = '']) => !place.startsWith('~/') && !/^FILE\b/.test(place))).toEqual([])
    const ignored = readFileSync(join(projectRoot, '.gitignore'), 'utf8').split('\n')
    expect(ignored).toEqual(expect.arrayContaining(['*.age', '*.agekey', '*-key.txt']))
  })

  test('.env.example has every variable that is read, and no other', () => {
    const example = readFileSync(join(projectRoot, '.env.example'), 'utf8')
    const named = new Set([...example.matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name))
    expect(named).toEqual(new Set(variables))
  })
})

test('a heading is linked to as GitHub names it', () => {
  const text = '# What *is* it?\n\n```sh\n# no heading\n```\n\n## `validate` & the rest, v2.9\n'
  expect(headingsOf(text)).toEqual(['what-is-it', 'validate--the-rest-v29'])
})
