import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectRoot } from '../../lib/base/paths.ts'
import { documentsIn } from '../../lib/commands/validate/documents.ts'
import { everywhere } from '../long/documents/everywhere.ts'
import { isElsewhere, ruleFor } from '../long/documents/page.ts'
import { pages } from '../long/documents/pages.ts'
import { shownLines } from '../long/documents/shown-lines.ts'

// What test/long/documents.test.ts pastes on the lab is what the pages show.
describe('of every page', () => {
  test('with commands to paste, each has what is expected of it, or why it is not typed', async () => {
    const shown = (await documentsIn(projectRoot)).filter((file) => shownLines(file).length > 0)
    expect(pages.map(({ file }) => file).sort()).toEqual(shown.sort())
    const unknown = pages.flatMap((page) =>
      shownLines(page.file)
        .filter((line) => !isElsewhere(page, line) && ruleFor(line, [...page.rules, ...everywhere]) === undefined)
        .map(({ at, text }) => `${page.file}:${at}: ${text}`),
    )
    expect(unknown).toEqual([])
  })

  test('what is said of lines that do not exist is left out', () => {
    const idle = pages.flatMap(({ file, rules }) => {
      const lines = shownLines(file)
      return rules.filter((rule) => !lines.some((line) => ruleFor(line, rules) === rule)).map(({ line }) => `${file}: ${String(line)}`)
    })
    expect(idle).toEqual([])
  })

  test('a section that another test types is in that test', () => {
    const typed = pages.flatMap(({ file, elsewhere = {} }) => Object.entries(elsewhere).map(([heading, by]) => ({ file, heading, by })))
    const missing = typed.filter(({ heading, by }) => !readFileSync(join(projectRoot, by), 'utf8').includes(heading))
    expect(missing).toEqual([])
  })
})
