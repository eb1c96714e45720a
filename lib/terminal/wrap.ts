/** How many characters a line of the stream holds; where it is not a terminal, nothing is wrapped. A terminal of 0 columns does not know. */
export function columnsOf(stream: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>): number {
  if (!stream.isTTY) return 1000
  return stream.columns > 0 ? Math.max(40, stream.columns) : 80
}

/** Whether what is drawn can be removed again: lines are counted for that, which takes a terminal that knows how wide it is. */
export function canRedraw(stream: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>): boolean {
  return stream.isTTY && stream.columns >= 20
}

/** A line that is a command: the terminal may break it on the screen, a newline in it would run it in halves. */
const pasted = /^\s*(?:\$|npx zx|flux-runbook|kubectl) /

/** Where a command begins in advice: at its start, or behind what says when to type it. */
const start =
  /(?<=(?:^|→ |: |; |then |or ))(?=(?:npx zx scripts\/|flux-runbook [a-z]|(?:\/\S*\/)?(?:kubectl|flux|helm|git|age-keygen|mkdir|rm|ls|curl) (?:--?\w|[a-z]+(?: |$))))/

/** `  controllers  `: a name in a column of its own. */
const labelled = /^ +[a-z]+ {2,}/

/**
 * Breaks a text at spaces so that no line is longer than `width`; what follows stands below the line's first word, after its number. A command
 * stays whole, on a line of its own where it does not fit, and what is said after it begins a line.
 */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => {
    if (line.length <= width || pasted.test(line)) return [line]
    const hanging = ' '.repeat((labelled.exec(line) ?? /^ *(\d+\. +)?([^\w\s] )?/.exec(line))?.[0].length ?? 0)
    const lines: string[] = []
    let current = /^ */.exec(line)?.[0] ?? ''
    let words = 0
    for (const part of partsOf(line.trim())) {
      for (const [at, word] of unbreakable(part).entries()) {
        const isNext = at === 0 && words > 0
        if (isNext || (words > 0 && current.length + 1 + word.length > width)) {
          lines.push(current)
          current = hanging
          words = 0
        }
        current += words === 0 ? word : ` ${word}`
        words += 1
      }
    }
    return [...lines, current]
  })
}

/** A line in parts of which each but the last ends with a command. */
function partsOf(line: string): string[] {
  const parts: string[][] = []
  let isOver = true
  for (const text of line.split(/(?<=;) (?=[a-z])/)) {
    if (isOver) parts.push([text])
    else parts.at(-1)?.push(text)
    isOver = start.test(text)
  }
  return parts.map((texts) => texts.join(' '))
}

/** The words of a part; a whole command is one, and so is an arrow with what it points at. */
function unbreakable(part: string): string[] {
  const at = start.exec(part)?.index ?? part.length
  const words = [...(at === 0 ? [] : part.slice(0, at).trimEnd().split(' ')), ...(at === part.length ? [] : [part.slice(at)])]
  return words[0] === '→' ? [words.slice(0, 2).join(' '), ...words.slice(2)] : words
}
