import { showDuration } from '../../base/duration.ts'
import { escapeHtml } from '../../base/outside-text.ts'
import type { FleetDocument } from './fleet-document.ts'

const width = 720
const left = 170
const rowHeight = 18

/** Every cluster that was started as a bar on one axis of time, wave below wave, as an SVG. */
export function drawFleetTimeline({ waves, startedAt }: FleetDocument): string {
  const origin = Date.parse(startedAt)
  const bars = waves.flatMap(({ name: wave, clusters }) =>
    clusters.flatMap(({ name, outcome, exitCode, startedAt: began, durationMs }) => {
      if (began === null) return []
      const from = Date.parse(began) - origin
      return [{ wave, name, outcome, isWell: exitCode === 0, from, to: from + (durationMs ?? 0) }]
    }),
  )
  if (bars.length === 0) return ''
  const end = Math.max(1000, ...bars.map(({ to }) => to))
  const x = (milliseconds: number): number => left + Math.round((milliseconds / end) * (width - left) * 10) / 10
  const height = bars.length * rowHeight + 24
  const drawn = bars.map(({ wave, name, outcome, isWell: succeeded, from, to }, at) => {
    const y = at * rowHeight
    const label = escapeHtml(`${wave}/${name}`)
    const shown = escapeHtml(shortened(`${wave}/${name}`))
    const reported = `${label}: ${escapeHtml(outcome)} after ${showDuration(to - from)}`
    return `<text x="${left - 8}" y="${y + 12}">${shown}</text><rect class="${succeeded ? 'succeeded' : 'failed'}" x="${x(from)}" y="${y + 2}" width="${Math.max(2, x(to) - x(from))}" height="${rowHeight - 5}"><title>${reported}</title></rect>`
  })
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const anchor = part === 1 ? ' class="last"' : ''
    return `<line x1="${x(part * end)}" x2="${x(part * end)}" y1="0" y2="${height - 20}"/><text${anchor || ' class="tick"'} x="${x(part * end)}" y="${height - 4}">${part === 0 ? '0' : showDuration(part * end)}</text>`
  })
  return `<svg viewBox="0 0 ${width + 4} ${height}" role="img" aria-label="When each cluster began and ended">
${[...ticks, ...drawn].join('\n')}
</svg>`
}

function shortened(text: string): string {
  return text.length > 26 ? `${text.slice(0, 25)}…` : text
}
