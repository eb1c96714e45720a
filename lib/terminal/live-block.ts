/** A block of lines at the bottom of a terminal that is drawn again in place. */
export interface LiveBlock {
  /** Draws these lines in place of the ones before. No line is wider than the terminal. */
  readonly draw: (lines: readonly string[]) => void
  /** Takes the block away, so that other lines can be written; the next draw brings it back below them. */
  readonly clear: () => void
}

const escape = '\u001b['

/** A block on a stream that is a terminal. */
export function createLiveBlock(stream: Pick<NodeJS.WriteStream, 'write' | 'columns'>): LiveBlock {
  let drawn: readonly string[] = []
  /** A terminal that has become narrower shows a line in several rows. */
  const height = (): number => drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(lengthOf(line) / stream.columns)), 0)
  const erase = (): string => (drawn.length === 0 ? '' : `${escape}${height()}A\r${escape}0J`)
  return {
    draw(lines) {
      stream.write(`${erase()}${lines.map((line) => `${line}\n`).join('')}`)
      drawn = [...lines]
    },
    clear() {
      if (drawn.length > 0) stream.write(erase())
      drawn = []
    },
  }
}

/** Without what only colours it. */
function lengthOf(line: string): number {
  // oxlint-disable-next-line no-control-regex -- colours are control sequences
  return line.replaceAll(/\u001b\[\d+m/g, '').length
}
