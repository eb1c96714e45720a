/** How many characters a line of the stream holds; where it is not a terminal, nothing is wrapped. A terminal of 0 columns does not know. */
export function columnsOf(stream: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>): number {
  if (!stream.isTTY) return 1000
  return stream.columns > 0 ? Math.max(40, stream.columns) : 80
}

/** Whether what is drawn can be taken away again: lines are counted for that, which takes a terminal that knows how wide it is. */
export function canRedraw(stream: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>): boolean {
  return stream.isTTY && stream.columns >= 20
}

/** A line to be pasted: the terminal may break it on the screen, a newline in it would run it in halves. */
const pasted = /^\s*(?:→|\$|npx zx|flux-runbook|kubectl) /

/** `  controllers  `: a name in a column of its own. */
const labelled = /^ +[a-z]+ {2,}/

/**
 * Breaks a text at spaces so that no line is longer than `width`; what follows stands below the line's first word, after its number. Lines
 * that hold a command stay whole.
 */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => {
    if (line.length <= width || pasted.test(line)) return [line]
    const hanging = ' '.repeat((labelled.exec(line) ?? /^ *(\d+\. +)?(\S )?/.exec(line))?.[0].length ?? 0)
    const lines: string[] = []
    let current = /^ */.exec(line)?.[0] ?? ''
    let words = 0
    for (const word of line.trim().split(' ')) {
      if (words > 0 && current.length + 1 + word.length > width) {
        lines.push(current)
        current = hanging
        words = 0
      }
      current += words === 0 ? word : ` ${word}`
      words += 1
    }
    return [...lines, current]
  })
}
