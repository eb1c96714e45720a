import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from '../../../lib/base/paths.ts'

/** A line, or several that are one command, that a page tells people to paste. */
export interface ShownLine {
  readonly text: string
  /** The number of its first line in the page. */
  readonly at: number
  /** The heading that it stands under. */
  readonly heading: string
  /** Lines of one block are typed in one shell. */
  readonly block: number
}

/** The commands of a page, in their order: what stands in blocks of sh and bash, and the kubectl and age lines that are indented. */
export function shownLines(file: string): ShownLine[] {
  const found: ShownLine[] = []
  let heading = ''
  let block = 0
  let language: string | undefined
  let open: ShownLine | undefined
  for (const [index, line] of readFileSync(join(projectRoot, file), 'utf8').split('\n').entries()) {
    const fence = /^\s*```(\w*)/.exec(line)
    if (fence !== null) {
      language = language === undefined ? (fence[1] ?? '') : undefined
      block += 1
      continue
    }
    if (language === undefined && line.startsWith('#')) heading = line
    const isShown = language === 'sh' || language === 'bash' || (language === undefined && /^ {4}(kubectl|age) /.test(line))
    if (!isShown || line.trim() === '') continue
    const text = open === undefined ? line.trim() : `${open.text}\n${line.trim()}`
    const whole = { text, at: open?.at ?? index + 1, heading, block }
    open = line.endsWith('\\') ? whole : undefined
    if (open === undefined) found.push(whole)
  }
  return found
}
