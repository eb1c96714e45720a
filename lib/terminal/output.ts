import { indented } from '../base/outside-text.ts'
import { columnsOf, wrap } from './wrap.ts'

/** Lines that people read. */
export interface Output {
  /** Something begins (►). */
  action(text: string): void
  /** Something is so now (✔). */
  success(text: string): void
  warning(text: string): void
  failure(text: string): void
  /** A plain line. */
  line(text?: string): void
  /** A line in the background: details, hints. */
  faint(text: string): void
}

const codes = { green: 32, yellow: 33, red: 31, cyan: 36, faint: 2 } as const

/** Whether people watch this stream: a pipe, TERM=dumb and CI have neither spinners nor colours. */
export function isWatched(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && process.env.TERM !== 'dumb' && (process.env.CI ?? '') === ''
}

/** How a stream's text is coloured: not at all with NO_COLOR, or where nobody watches. */
export function painterOf(stream: NodeJS.WriteStream): (text: string, colour: keyof typeof codes) => string {
  const colours = isWatched(stream) && (process.env.NO_COLOR ?? '') === ''
  return (text, colour) => (colours ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text)
}

/**
 * Lines on a stream, wrapped to its width.
 * @param print writes the text, and keeps the plain one in the log
 */
export function outputOn(
  stream: NodeJS.WriteStream,
  clean: (text: string) => string,
  print: (text: string, plain: string) => void,
): Output & { wait(text: string): void } {
  const paint = painterOf(stream)
  const say =
    (sign: string, colour: keyof typeof codes) =>
    (text: string): void => {
      const lines = wrap(clean(text), columnsOf(stream) - 2)
      print(lines.map((line, row) => `${row === 0 ? paint(sign, colour) : ' '} ${line}`).join('\n'), `${sign} ${indented(clean(text))}`)
    }
  const plain = (text: string, painted: (line: string) => string): void =>
    print(
      wrap(indented(clean(text)), columnsOf(stream))
        .map(painted)
        .join('\n'),
      indented(clean(text)),
    )
  return {
    action: say('►', 'cyan'),
    success: say('✔', 'green'),
    warning: say('⚠', 'yellow'),
    failure: say('✗', 'red'),
    wait: say('◎', 'cyan'),
    line: (text = '') => plain(text, (line) => line),
    faint: (text) => plain(text, (line) => paint(line, 'faint')),
  }
}
