import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { script, startOwnLab, type TestLab } from '../lab/harness.ts'
import { begin, type Desk, openDesk, typedAs } from './documents/desk.ts'
import { everywhere } from './documents/everywhere.ts'
import { type Expected, isElsewhere, type Page, type Rule, ruleFor } from './documents/page.ts'
import { pages } from './documents/pages.ts'
import { shownLines, type ShownLine } from './documents/shown-lines.ts'

// Every command of every page, pasted in its order. Two lines of capture.md need jq on PATH; an age is made of the library of the scripts.
let lab: TestLab

beforeAll(async () => {
  lab = await startOwnLab(['infra', 'apps'], ['2.9.4'])
}, 1_200_000)
afterAll(async () => {
  await script('lab', ['down'], { home: lab.home })
  rmSync(lab.home, { recursive: true, force: true })
})

describe.each(pages)('$file, pasted line after line', (page) => {
  test('does what it says', async () => {
    await begin(lab, page.begins)
    let desk = await openDesk(lab)
    try {
      for (const line of shownLines(page.file)) {
        const rule = ruleFor(line, [...page.rules, ...everywhere])
        if (rule === undefined || 'untried' in rule || isElsewhere(page, line)) continue
        if (rule.isAnew === true) {
          desk.close()
          desk = await openDesk(lab)
        }
        await pasteLine(desk, page, line, rule)
      }
    } finally {
      desk.close()
    }
  })
})

async function pasteLine(desk: Desk, { file }: Page, line: ShownLine, rule: Rule & Expected): Promise<void> {
  await rule.before?.(desk)
  const typed = typedAs(desk, line, shownLines(file))
  const command = rule.instead?.typed(typed) ?? typed
  const [{ code, screen }] = await Promise.all([desk.paste(command, rule.stopAt), rule.meanwhile?.(desk)])
  const where = `${file}:${line.at}: ${command}\n${screen}`
  expect.soft(code, where).toBe(rule.code ?? 0)
  expect.soft(screen, where).toMatch(rule.says)
}
