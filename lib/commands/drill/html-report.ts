import { showDuration } from '../../base/duration.ts'
import { htmlDefinitions, htmlPage } from '../../base/html-page.ts'
import { escapeHtml } from '../../base/outside-text.ts'
import { type DrillOutcome, unnoticed } from './outcome.ts'
import { drawTimeline } from './timeline.ts'

/** Who rehearsed what, where and when. */
export interface DrillFacts {
  readonly context: string
  readonly server: string
  readonly operator: string
  readonly runId: string
  readonly startedAt: string
  readonly finishedAt: string
}

/** The report of a drill as one page. It prints on A4. */
export function drawReport(facts: DrillFacts, outcomes: readonly DrillOutcome[]): string {
  const met = outcomes.filter((outcome) => outcome.met).length
  const head = htmlDefinitions([
    ['cluster', `${facts.context}, ${facts.server}`],
    ['who', facts.operator],
    ['began', facts.startedAt],
    ['ended', `${facts.finishedAt}, after ${showDuration(Date.parse(facts.finishedAt) - Date.parse(facts.startedAt))}`],
    ['run', facts.runId],
  ])
  return htmlPage(
    `Disaster drill on ${facts.context}`,
    style,
    `<p class="verdict ${met === outcomes.length ? 'good' : 'bad'}">${met} of ${outcomes.length} objectives met</p>
${head}
<p class="legend"><span><i class="unnoticed"></i>until it was noticed</span> <span><i class="fixing"></i>until everything was Ready and a new commit applied</span> <span><i class="objective"></i>objective</span></p>
${outcomes.map(drawOutcome).join('\n')}`,
  )
}

function drawOutcome(outcome: DrillOutcome): string {
  const { name, title, struckAt, detectedMs, recoveredMs, objectiveMs, met, mendedBy, survival, failure } = outcome
  const lost = survival.changed + survival.missing
  const facts = htmlDefinitions([
    ['noticed', detectedMs === undefined ? unnoticed(recoveredMs) : `after ${showDuration(detectedMs)}`],
    ['recovered', recoveredMs === undefined ? 'no' : `after ${showDuration(recoveredMs)}`],
    ['objective', showDuration(objectiveMs)],
    ['fixed by', mendedBy],
    ['workloads', survival.checked === 0 ? 'a new cluster: none to compare' : `${survival.checked} checked, ${lost} lost or replaced`],
    ['injected', struckAt],
  ])
  return `<section>
<h2>${escapeHtml(title)} <small>${escapeHtml(name)}</small> <span class="verdict ${met ? 'good' : 'bad'}">${met ? '✔ met' : '✗ not met'}</span></h2>
${drawTimeline(outcome)}
${facts}
${failure === undefined ? '' : `<p class="failure">${escapeHtml(failure)}</p>`}
</section>`
}

const style = `
main { max-width: 60rem; }
h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
h2 small { color: var(--faint); font-weight: normal; font-family: ui-monospace, monospace; font-size: .85rem; }
h2 .verdict { float: right; font-size: .95rem; }
.failure { color: var(--red); }
section { border-top: 1px solid var(--line); padding: 1rem 0; break-inside: avoid; }
svg { display: block; width: 100%; height: auto; min-height: 3.5rem; overflow: visible; }
svg text { font-size: 12px; fill: var(--faint); text-anchor: middle; }
.axis, .tick { stroke: var(--line); } line.objective { stroke: var(--ink); stroke-width: 2; stroke-dasharray: 4 3; }
rect.unnoticed, i.unnoticed { fill: #d98a00; background: #d98a00; }
rect.fixing, i.fixing { fill: var(--blue); background: var(--blue); }
rect.lost { fill: var(--red); }
.legend { color: var(--faint); font-size: .9rem; display: flex; flex-wrap: wrap; gap: .1rem 1rem; }
i { display: inline-block; width: .9em; height: .9em; margin-right: .4em; vertical-align: -.1em; }
i.objective { width: 0; border-left: 2px dashed var(--ink); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: .35rem 1rem; margin: .5rem 0; font-size: .95rem; }
@media (max-width: 40rem) { h2 .verdict { float: none; display: block; } svg text { font-size: 17px; } }
@media print { body { font-size: 11pt; } }
`
