import { htmlPage } from '../../../base/html-page.ts'
import { escapeHtml } from '../../../base/outside-text.ts'
import type { DrillFacts } from '../html-report.ts'
import { shownTime } from './matrix.ts'
import { isMet, type LossOutcome } from './outcome.ts'

/** The matrix of a drill of every loss as one page: objects by damages; on a phone each object is a list. */
export function drawMatrix(facts: DrillFacts, outcomes: readonly LossOutcome[]): string {
  const met = outcomes.filter(isMet).length
  const damages = [...new Set(outcomes.map(({ damages: all }) => all.join(' + ')))]
  const objects = [...new Set(outcomes.map(({ objects: all }) => all.join(' + ')))]
  const facing = new Map(outcomes.map((one) => [`${one.objects.join(' + ')}\n${one.damages.join(' + ')}`, one]))
  const row = (object: string): string => {
    const cells = damages.map((damage) => drawCell(damage, facing.get(`${object}\n${damage}`)))
    return `<tr><th scope="row">${escapeHtml(object)}</th>${cells.join('')}</tr>`
  }
  const isOfPairs = outcomes.some((one) => one.objects.length > 1)
  return htmlPage(
    `Every loss on ${facts.context}`,
    style,
    `<p class="${met === outcomes.length ? 'met' : 'missed'}"><b>${met} of ${outcomes.length}</b> noticed and repaired, or harmless</p>
<p class="faint">${escapeHtml(`${facts.server}, ${facts.operator}, run ${facts.runId}, ${facts.startedAt} to ${facts.finishedAt}`)}</p>
<p class="faint"><span class="met">✔</span> as it should be <span class="harmless">○</span> harmless <span class="missed">✗</span> not noticed, not repaired, or a workload lost. Each cell: the probe that noticed and when, who repaired it and when.</p>
${
  isOfPairs
    ? outcomes.map(drawPair).join('\n')
    : `<table><thead><tr><th></th>${damages.map((damage) => `<th scope="col">${escapeHtml(damage)}</th>`).join('')}</tr></thead>
<tbody>
${objects.map(row).join('\n')}
</tbody></table>`
}`,
  )
}

function drawPair(outcome: LossOutcome): string {
  const title = outcome.objects.map((object, at) => `${object}: ${outcome.damages[at]}`).join(' + ')
  return `<section><h2>${escapeHtml(title)}</h2><p>${drawOutcome(outcome)}</p></section>`
}

function drawCell(damage: string, outcome: LossOutcome | undefined): string {
  return outcome === undefined ? '<td class="none"></td>' : `<td data-damage="${escapeHtml(damage)}">${drawOutcome(outcome)}</td>`
}

function drawOutcome(outcome: LossOutcome): string {
  const { noticed, detectedMs, harmless, healedBy, recoveredMs, survived, failure } = outcome
  const mark = !isMet(outcome) ? ['missed', '✗'] : harmless !== null ? ['harmless', '○'] : ['met', '✔']
  const seen = harmless ?? (noticed === null ? 'not noticed' : `${noticed}, ${shownTime(detectedMs)}`)
  const reported = [
    seen,
    `${healedBy}, ${shownTime(recoveredMs)}`,
    ...(survived ? [] : ['workloads lost']),
    ...(failure === null ? [] : [failure]),
  ]
  return `<span class="${mark[0]}">${mark[1]}</span> ${reported.map(escapeHtml).join('<br>')}`
}

const style = `
main { max-width: 100rem; }
h2 { font-size: 1rem; margin: 1rem 0 .25rem; overflow-wrap: anywhere; }
.faint { color: var(--faint); font-size: .9rem; overflow-wrap: anywhere; }
.met { color: var(--green); } .missed { color: var(--red); } .harmless { color: var(--amber); }
table { border-collapse: collapse; width: 100%; font-size: .85rem; }
th, td { border: 1px solid var(--line); padding: .3rem .45rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
thead th { position: sticky; top: 0; background: #f8fafc; }
tbody th { font-weight: 600; min-width: 14rem; }
@media (max-width: 60rem) {
  thead { display: none; } table, tbody, tr, td, tbody th { display: block; border: 0; min-width: 0; }
  tr { border-top: 1px solid var(--line); padding: .6rem 0; } td.none { display: none; }
  td { padding: .25rem 0 .25rem 1rem; } td::before { content: attr(data-damage) ": "; color: var(--faint); }
}
@media print { body { font-size: 9pt; } thead th { position: static; } tr { break-inside: avoid; } }
`
