import { showDuration } from '../../base/duration.ts'
import { escapeHtml } from '../../base/outside-text.ts'
import type { DrillOutcome } from './outcome.ts'

const width = 640
const bar = { y: 8, height: 22 }

/** One disaster's course as an SVG: from the injection of the fault to its detection, on to the recovery, and where the objective lies. */
export function drawTimeline(outcome: DrillOutcome): string {
  const { title, detectedMs, recoveredMs, objectiveMs } = outcome
  const end = Math.max(objectiveMs, recoveredMs ?? 0, detectedMs ?? 0) * 1.02
  const x = (milliseconds: number): number => Math.round((milliseconds / end) * width * 10) / 10
  const detected = detectedMs ?? recoveredMs ?? end
  const recovered = recoveredMs ?? end
  const spans = [
    { from: 0, to: Math.min(detected, recovered), kind: 'unnoticed', label: 'until it was noticed' },
    {
      from: Math.min(detected, recovered),
      to: recovered,
      kind: recoveredMs === undefined ? 'lost' : 'fixing',
      label: 'until it was fixed',
    },
  ].filter(({ from, to }) => to > from)
  const rectangles = spans.map(
    ({ from, to, kind, label }) =>
      `<rect class="${kind}" x="${x(from)}" y="${bar.y}" width="${Math.max(1, x(to) - x(from))}" height="${bar.height}"><title>${label}: ${showDuration(to - from)}</title></rect>`,
  )
  const reported = recoveredMs === undefined ? 'not recovered' : `recovered after ${showDuration(recoveredMs)}`
  const objective = x(objectiveMs)
  const ticks = ticksUntil(end).map(
    (at) => `<line class="tick" x1="${x(at)}" x2="${x(at)}" y1="34" y2="39"/><text x="${x(at)}" y="52">${showTick(at)}</text>`,
  )
  return `<svg viewBox="-4 0 ${width + 8} 58" role="img" aria-label="${escapeHtml(`${title}: ${reported}, objective ${showDuration(objectiveMs)}`)}">
<line class="axis" x1="0" x2="${width}" y1="34" y2="34"/>
${[...rectangles, ...ticks].join('\n')}
<line class="objective" x1="${objective}" x2="${objective}" y1="2" y2="38"/>
</svg>`
}

const minute = 60_000
const steps = [5_000, 10_000, 15_000, 30_000, minute, 2 * minute, 5 * minute, 10 * minute, 30 * minute, 60 * minute]

/** Round moments on the axis, at most nine. */
function ticksUntil(end: number): number[] {
  const step = steps.find((candidate) => end / candidate <= 9) ?? end / 5
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, at) => at * step)
}

function showTick(milliseconds: number): string {
  if (milliseconds === 0) return '0'
  if (milliseconds % minute === 0) return `${milliseconds / minute} m`
  const seconds = Math.round(milliseconds / 1000)
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
