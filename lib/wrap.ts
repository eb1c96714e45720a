/** How many characters a line of the stream holds; where it is no terminal, nothing is wrapped. */
export function columnsOf(stream: NodeJS.WriteStream): number {
  return stream.isTTY ? Math.max(40, stream.columns) : 1000
}

/** Breaks a text at spaces so that no line is longer than `width`; what follows stands below the line's first word, after its number. */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => {
    if (line.length <= width) return [line]
    const hanging = ' '.repeat(/^ *(\d+\. +)?(\S )?/.exec(line)?.[0].length ?? 0)
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
