import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectRoot, variables } from '../../lib/settings.ts'
import { checkDocuments, commandsOf, documentsIn, headingsOf } from '../../lib/validate/documents.ts'
import { showFinding } from '../../lib/validate/finding.ts'

const documents = await documentsIn(projectRoot)

describe('the documents', () => {
  test('show commands at all', async () => {
    const commands = await Promise.all(documents.map((file) => commandsOf(projectRoot, file)))
    expect(commands.flat().length).toBeGreaterThan(10)
  })

  test('name scripts, flags, files and headings that are there', { timeout: 60_000 }, async () => {
    expect((await checkDocuments(projectRoot, documents)).map(showFinding)).toEqual([])
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
