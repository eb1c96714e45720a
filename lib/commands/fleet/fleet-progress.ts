import type { Console } from '../../terminal/console.ts'
import { createLiveBlock } from '../../terminal/live-block.ts'
import { painterOf } from '../../terminal/output.ts'
import { canRedraw } from '../../terminal/wrap.ts'
import { drawTable, type FleetView } from './fleet-table.ts'

/** Shows how a fleet gets on: a table in a terminal, lines elsewhere. */
export interface FleetProgress {
  /** Something about one cluster, or the fleet: begun, ended, stopped. */
  readonly event: (kind: 'action' | 'success' | 'failure' | 'warning', text: string) => void
  /** What a cluster works on now. */
  readonly step: (name: string, text: string) => void
  /** Ends the table, and leaves its last state on the screen. */
  readonly close: () => void
}

interface ProgressOptions {
  readonly console: Console
  readonly log: (line: string) => void
  /** The fleet as it is now. */
  readonly view: () => FleetView
}

/** A table where people watch a terminal that can be redrawn, else lines. */
export function openProgress(options: ProgressOptions, stream: NodeJS.WriteStream = process.stderr): FleetProgress {
  return options.console.isTerminal && canRedraw(stream) ? tableOn(stream, options) : linesOn(options)
}

const signs = { action: '►', success: '✔', failure: '✗', warning: '⚠' } as const
const redrawnEvery = 500

function tableOn(stream: NodeJS.WriteStream, { log, view }: ProgressOptions): FleetProgress {
  const block = createLiveBlock(stream)
  const paint = painterOf(stream)
  const draw = (): void => block.draw(drawTable(view(), { columns: stream.columns, rows: stream.rows }, paint))
  const clock = setInterval(draw, redrawnEvery)
  draw()
  return {
    event(kind, text) {
      log(`${signs[kind]} ${text}`)
      draw()
    },
    step: (name, text) => log(`◎ ${name}: ${text}`),
    close() {
      clearInterval(clock)
      draw()
    },
  }
}

function linesOn({ console }: ProgressOptions): FleetProgress {
  const last = new Map<string, string>()
  return {
    event: (kind, text) => console[kind](text),
    step(name, text) {
      // Of `TITLE: what is waited for` only the title is worth a line.
      const [title = text] = text.split(': ')
      if (last.get(name) === title) return
      last.set(name, title)
      console.line(`  ${name}: ${title}`)
    },
    close: () => undefined,
  }
}
