import { showDuration } from './duration.ts'
import { columnsOf, wrap } from './wrap.ts'

/** Where people read what happens: everything on stderr, so that stdout is data only. */
export interface Console {
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
  /** Something that takes time: a spinner with elapsed seconds on a terminal, plain lines elsewhere. */
  wait(text: string): Waiting
  /** Whether people watch: decides about spinners and colours, never about what is told. */
  readonly isTerminal: boolean
}

export interface Waiting {
  /** What is being waited for now. */
  on(text: string): void
  success(text: string): void
  failure(text: string): void
  /** Takes the spinner away without a word, as before a prompt. */
  stop(): void
}

export interface ConsoleOptions {
  readonly clean: (text: string) => string
  /** Is told every line, cleaned, as it appears. */
  readonly log?: (line: string) => void
  readonly stream?: NodeJS.WriteStream
}

/** Loaded only where somebody may watch: it takes 70 ms, and a job has no spinner. */
const ora = process.stderr.isTTY ? (await import('ora')).default : undefined

const codes = { green: 32, yellow: 33, red: 31, cyan: 36, faint: 2, bold: 1 } as const

/** A console on stderr. NO_COLOR, TERM=dumb, CI and a stderr that is no terminal are honoured. */
export function createConsole({ clean, log, stream = process.stderr }: ConsoleOptions): Console {
  const isTerminal = stream.isTTY && process.env.TERM !== 'dumb' && (process.env.CI ?? '') === ''
  const colours = isTerminal && (process.env.NO_COLOR ?? '') === ''
  const paint = (text: string, colour: keyof typeof codes): string => (colours ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text)
  let current: { clear: () => void; draw: () => void } | undefined

  const print = (text: string, plain: string): void => {
    current?.clear()
    stream.write(`${text}\n`)
    current?.draw()
    log?.(plain)
  }
  const say = (sign: string, colour: keyof typeof codes, text: string): void => {
    const lines = wrap(clean(text), columnsOf(stream) - 2)
    print(lines.map((line, row) => `${row === 0 ? paint(sign, colour) : ' '} ${line}`).join('\n'), `${sign} ${clean(text)}`)
  }

  return {
    isTerminal,
    action: (text) => say('►', 'cyan', text),
    success: (text) => say('✔', 'green', text),
    warning: (text) => say('⚠', 'yellow', text),
    failure: (text) => say('✗', 'red', text),
    line(text = '') {
      print(wrap(clean(text), columnsOf(stream)).join('\n'), clean(text))
    },
    faint(text) {
      const cleaned = clean(text)
      print(
        wrap(cleaned, columnsOf(stream))
          .map((line) => paint(line, 'faint'))
          .join('\n'),
        cleaned,
      )
    },
    wait(text) {
      const started = Date.now()
      let told = clean(text)
      const spinner = isTerminal && ora !== undefined ? startSpinner(ora) : undefined
      if (spinner === undefined) say('◎', 'cyan', told)
      else log?.(`◎ ${told}`)

      function shown(): string {
        const elapsed = ` ${showDuration(Date.now() - started)}`
        const room = columnsOf(stream) - elapsed.length - 3
        return `${shortened(told, clean(text), room)}${paint(elapsed, 'faint')}`
      }
      function startSpinner(draw: NonNullable<typeof ora>): { redraw: () => void; stop: () => void } {
        // discardStdin would swallow Ctrl-C; the spinner's own colour ignores NO_COLOR.
        const drawn = draw({ text: shown(), stream, discardStdin: false, color: colours ? 'cyan' : false }).start()
        const redraw = (): void => {
          drawn.text = shown()
        }
        const clock = setInterval(redraw, 200)
        current = { clear: () => drawn.clear(), draw: () => drawn.render() }
        const stop = (): void => {
          clearInterval(clock)
          drawn.stop()
          current = undefined
        }
        return { redraw, stop }
      }
      const finish = (sign: string, colour: keyof typeof codes, final: string): void => {
        spinner?.stop()
        say(sign, colour, `${final} (${showDuration(Date.now() - started)})`)
      }
      return {
        on(now) {
          if (clean(now) === told) return
          told = clean(now)
          if (spinner === undefined) return say('◎', 'cyan', told)
          spinner.redraw()
          log?.(`◎ ${told}`)
        },
        success: (final) => finish('✔', 'green', final),
        failure: (final) => finish('✗', 'red', final),
        stop: () => spinner?.stop(),
      }
    },
  }
}

/** Fits a text into one line. Of `TITLE: what is waited for` the title gives way first, for it does not change. */
export function shortened(text: string, title: string, room: number): string {
  const cut = (words: string, length: number): string => (words.length > length ? `${words.slice(0, length - 1)}…` : words)
  if (text.length <= room || !text.startsWith(`${title}: `)) return cut(text, room)
  const rest = text.slice(title.length + 2)
  return cut(`${cut(title, Math.max(shortestTitle, room - rest.length - 2))}: ${rest}`, room)
}

const shortestTitle = 16
