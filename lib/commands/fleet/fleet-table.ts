import { showDuration } from '../../base/duration.ts'
import { inOneLine, visible } from '../../base/outside-text.ts'

/** One cluster, as the table shows it. */
export interface FleetRow {
  readonly wave: string
  readonly name: string
  readonly state: 'waiting' | 'running' | 'done' | 'failed'
  /** What it works on now, or how it ended. */
  readonly what: string
  /** Undefined for a cluster that was not started. */
  readonly elapsedMs: number | undefined
}

/** The fleet at one moment. */
export interface FleetView {
  readonly title: string
  readonly rows: readonly FleetRow[]
  readonly elapsedMs: number
  /** What happens beside the clusters: a soak, a stop. */
  readonly note: string
}

type Colour = 'green' | 'red' | 'cyan' | 'faint'

/** A line of the table in parts: only whole parts are coloured, so that its length can be counted. */
type Part = { readonly text: string; readonly colour?: Colour }

const signs = {
  waiting: { sign: '–', colour: 'faint' },
  running: { sign: '◎', colour: 'cyan' },
  done: { sign: '✔', colour: 'green' },
  failed: { sign: '✗', colour: 'red' },
} as const
/** What is shown first where there is not room for all. */
const importance = ['running', 'failed', 'waiting', 'done'] as const

/**
 * The lines of the table, each no wider than the terminal, and together no higher: clusters for which there is no row are summed up.
 * @param paint colours a part of a line
 */
export function drawTable(
  { title, rows, elapsedMs, note }: FleetView,
  size: { readonly columns: number; readonly rows: number },
  paint: (text: string, colour: Colour) => string = (text) => text,
): string[] {
  const room = Math.max(1, size.rows - 4) // the head, what is summed up, the note, and the cursor's own line
  const shown = rows.length <= room ? rows : mostImportant(rows, room)
  const rest = rows.filter((row) => !shown.includes(row))
  const widths = { wave: widest(shown.map(({ wave }) => wave)), name: widest(shown.map(({ name }) => name)) }
  const lines: Part[][] = [
    [{ text: `${title}: ${countsOf(rows)}, ${showDuration(elapsedMs)}` }],
    ...shown.map((row) => partsOf(row, widths, size.columns)),
    ...(rest.length === 0 ? [] : [[{ text: `  … and ${countsOf(rest)}`, colour: 'faint' as const }]]),
    ...(note === '' ? [] : [[{ text: note, colour: 'faint' as const }]]),
  ]
  return lines.map((parts) => fitted(parts, size.columns, paint))
}

/** `2 running, 1 failed, 3 waiting, 4 done`. */
export function countsOf(rows: readonly Pick<FleetRow, 'state'>[]): string {
  return importance
    .map((state) => ({ state, count: rows.filter((row) => row.state === state).length }))
    .filter(({ count }) => count > 0)
    .map(({ state, count }) => `${count} ${state}`)
    .join(', ')
}

function mostImportant(rows: readonly FleetRow[], room: number): FleetRow[] {
  const chosen = new Set(importance.flatMap((state) => rows.filter((row) => row.state === state)).slice(0, room))
  return rows.filter((row) => chosen.has(row)) // in the order of FILE
}

const longestName = 24

function widest(texts: readonly string[]): number {
  return Math.min(longestName, Math.max(0, ...texts.map((text) => text.length)))
}

function partsOf({ wave, name, state, what, elapsedMs }: FleetRow, widths: { wave: number; name: number }, columns: number): Part[] {
  const { sign, colour } = signs[state]
  const elapsed = elapsedMs === undefined ? '' : showDuration(elapsedMs)
  const head = ` ${cut(wave, widths.wave).padEnd(widths.wave)}  ${cut(name, widths.name).padEnd(widths.name)}  `
  const room = Math.max(8, columns - 3 - head.length - elapsed.length - 1)
  return [
    { text: `  ${sign}`, colour },
    { text: head },
    { text: cut(inOneLine(visible(what)), room).padEnd(room), ...(state === 'waiting' ? { colour: 'faint' } : {}) },
    { text: elapsed === '' ? '' : ` ${elapsed}`, colour: 'faint' },
  ]
}

function cut(text: string, length: number): string {
  if (text.length <= length) return text
  return length <= 0 ? '' : `${text.slice(0, length - 1)}…`
}

/** The parts as one line that is not a wider than the terminal. */
function fitted(parts: readonly Part[], columns: number, paint: (text: string, colour: Colour) => string): string {
  let left = columns
  return parts
    .map(({ text, colour }) => {
      const own = cut(text, left)
      left -= own.length
      return colour === undefined || own === '' ? own : paint(own, colour)
    })
    .join('')
    .trimEnd()
}
