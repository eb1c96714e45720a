import { showDuration } from '../base/duration.ts'
import { inOneLine, visible } from '../base/outside-text.ts'
import { isWatched, type Output, outputOn, painterOf } from './output.ts'
import { canRedraw, columnsOf } from './wrap.ts'

/** Where people read what happens: on stderr, so that stdout is what was asked for. */
export interface Console extends Output {
  /** What the command was asked for, as a report or a plan: on stdout, unless a JSON document goes there. */
  readonly answer: Output
  /** Something that takes time: a spinner with elapsed seconds on a terminal, plain lines elsewhere. */
  wait(text: string): Waiting
  /** Whether people watch: decides about spinners and colours, never about what is said. */
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
  /** Receives every line, cleaned, as it appears. */
  readonly log?: (line: string) => void
  readonly stream?: NodeJS.WriteStream
  /** Where the answer goes: stderr too, unless given. */
  readonly answers?: NodeJS.WriteStream
}

/** Loaded only where someone may watch: it takes 70 ms, and a job has no spinner. */
const ora = process.stderr.isTTY ? (await import('ora')).default : undefined

/** A console on stderr. NO_COLOR, TERM=dumb, CI and a stderr that is not a terminal are honoured. */
// oxlint-disable-next-line max-lines-per-function -- one console: its methods share what the last line is
export function createConsole({ clean: redact, log, stream = process.stderr, answers = stream }: ConsoleOptions): Console {
  const clean = (text: string): string => visible(redact(text))
  const isTerminal = isWatched(stream)
  const hasColours = isTerminal && (process.env.NO_COLOR ?? '') === ''
  const paint = painterOf(stream)
  let current: { clear: () => void; draw: () => void } | undefined
  let last: string | undefined
  const printTo =
    (to: NodeJS.WriteStream) =>
    (text: string, plain: string): void => {
      // What ends with an empty line and what begins with one are one apart.
      if (text === '' && last === '') return
      last = text
      current?.clear()
      to.write(`${text}\n`)
      current?.draw()
      log?.(plain)
    }
  const own = outputOn(stream, clean, printTo(stream))

  return {
    ...own,
    isTerminal,
    answer: answers === stream ? own : outputOn(answers, clean, printTo(answers)),
    wait(text) {
      const started = Date.now()
      let reported = inOneLine(clean(text))
      let spinner = isTerminal && ora !== undefined && canRedraw(stream) ? startSpinner(ora) : undefined
      if (spinner === undefined) own.wait(reported)
      else log?.(`◎ ${reported}`)

      function shown(): string {
        const elapsed = ` ${showDuration(Date.now() - started)}`
        const room = columnsOf(stream) - elapsed.length - 3
        return `${shortened(reported, inOneLine(clean(text)), room)}${paint(elapsed, 'faint')}`
      }
      function startSpinner(draw: NonNullable<typeof ora>): { redraw: () => void; stop: () => void } {
        // discardStdin would swallow Ctrl-C; the spinner's own colour ignores NO_COLOR.
        const drawn = draw({ text: shown(), stream, discardStdin: false, color: hasColours ? 'cyan' : false }).start()
        const redraw = (): void => {
          drawn.text = shown()
        }
        const clock = setInterval(redraw, 200)
        current = { clear: () => drawn.clear(), draw: () => drawn.render() }
        // ora counts lines by the columns, and never ends with none.
        const resized = (): void => {
          if (canRedraw(stream)) return
          stop()
          spinner = undefined
        }
        stream.on('resize', resized)
        const stop = (): void => {
          clearInterval(clock)
          stream.off('resize', resized)
          drawn.stop()
          current = undefined
        }
        return { redraw, stop }
      }
      const finish = (say: (text: string) => void, final: string): void => {
        spinner?.stop()
        say(`${final} (${showDuration(Date.now() - started)})`)
      }
      return {
        on(now) {
          const next = inOneLine(clean(now))
          if (next === reported) return
          reported = next
          if (spinner === undefined) return own.wait(reported)
          spinner.redraw()
          log?.(`◎ ${reported}`)
        },
        success: (final) => finish((text) => own.success(text), final),
        failure: (final) => finish((text) => own.failure(text), final),
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
