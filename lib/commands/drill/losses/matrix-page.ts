import { htmlDefinitions, htmlPage } from '../../../base/html-page.ts'
import { escapeHtml } from '../../../base/outside-text.ts'
import type { DrillFacts } from '../html-report.ts'
import { shownTime } from './matrix.ts'
import { isMet, type LossOutcome } from './outcome.ts'

/**
 * The matrix of a drill of every loss as one page: for each kind its objects by the damages that this kind allows, since one table for all
 * kinds would be mostly empty, and too wide to read. On a phone each object is a list.
 */
export function drawMatrix(facts: DrillFacts, outcomes: readonly LossOutcome[]): string {
  const met = outcomes.filter(isMet).length
  const head = htmlDefinitions([
    ['cluster', `${facts.context}, ${facts.server}`],
    ['who', facts.operator],
    ['began', facts.startedAt],
    ['ended', facts.finishedAt],
    ['run', facts.runId],
  ])
  const pairs = outcomes.filter(({ objects }) => objects.length > 1)
  const singles = outcomes.filter(({ objects }) => objects.length === 1)
  const kinds = [...new Set(singles.map(kindOf))]
  const tables = kinds.map((kind) =>
    drawKind(
      kind,
      singles.filter((one) => kindOf(one) === kind),
    ),
  )
  return htmlPage(
    `Every loss on ${facts.context}`,
    style,
    `<p class="verdict ${met === outcomes.length ? 'good' : 'bad'}"><b>${met} of ${outcomes.length}</b> noticed and repaired, or harmless</p>
${head}
<p class="faint"><span class="met">✔</span> as it should be <span class="harmless">○</span> harmless <span class="missed">✗</span> not noticed, not repaired, or a workload lost. Each cell: the probe that noticed and when, who repaired it and when.</p>
${[...tables, ...(pairs.length === 0 ? [] : [drawPairs(pairs)])].join('\n')}`,
  )
}

/** `ServiceAccount` of `ServiceAccount flux-system/helm-controller` */
function kindOf({ objects: [object = ''] }: LossOutcome): string {
  return object.split(' ')[0] ?? ''
}

function drawKind(kind: string, outcomes: readonly LossOutcome[]): string {
  const damages = [...new Set(outcomes.flatMap((one) => one.damages))]
  const objects = [...new Set(outcomes.flatMap((one) => one.objects))]
  const facing = new Map(outcomes.map((one) => [`${one.objects[0]}\n${one.damages[0]}`, one]))
  const row = (object: string): string => {
    const cells = damages.map((damage) => drawCell(damage, facing.get(`${object}\n${damage}`)))
    return `<tr><th scope="row">${escapeHtml(object.slice(kind.length + 1))}</th>${cells.join('')}</tr>`
  }
  return `<section><h2>${escapeHtml(kind)}</h2>
<table><thead><tr><th></th>${damages.map((damage) => `<th scope="col">${escapeHtml(damage)}</th>`).join('')}</tr></thead>
<tbody>
${objects.map(row).join('\n')}
</tbody></table></section>`
}

function drawPairs(outcomes: readonly LossOutcome[]): string {
  const row = (outcome: LossOutcome): string => {
    const parts = outcome.objects.map((object, at) => `${escapeHtml(object)}: ${escapeHtml(outcome.damages[at] ?? '')}`)
    return `<tr><th scope="row">${parts.join('<br>')}</th>${drawCell('together', outcome)}</tr>`
  }
  return `<section><h2>Pairs</h2>
<table class="pairs"><thead><tr><th></th><th scope="col">together</th></tr></thead>
<tbody>
${outcomes.map(row).join('\n')}
</tbody></table></section>`
}

function drawCell(damage: string, outcome: LossOutcome | undefined): string {
  return outcome === undefined ? '<td class="none"></td>' : `<td data-damage="${escapeHtml(damage)}">${drawOutcome(outcome)}</td>`
}

function drawOutcome(outcome: LossOutcome): string {
  const { noticed, detectedMs, harmless, healedBy, recoveredMs, survived, failure } = outcome
  const mark = !isMet(outcome) ? ['missed', '✗'] : harmless !== null ? ['harmless', '○'] : ['met', '✔']
  const seen = harmless ?? (noticed === null ? 'not noticed' : `${noticed}, ${unbroken(shownTime(detectedMs))}`)
  const reported = [
    seen,
    `${healedBy}, ${unbroken(shownTime(recoveredMs))}`,
    ...(survived ? [] : ['workloads lost']),
    ...(failure === null ? [] : [failure]),
  ]
  return `<span class="${mark[0]}">${mark[1]}</span> ${reported.map(escapeHtml).join('<br>')}`
}

/** A number stays beside its unit. */
function unbroken(time: string): string {
  return time.replaceAll(' ', '\u00a0')
}

// Words are broken only where they are longer than their column: broken anywhere, columns become as narrow as a letter.
const style = `
main { max-width: 100rem; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .4rem; }
.faint { color: var(--faint); font-size: .9rem; }
.met { color: var(--green); } .missed { color: var(--red); } .harmless { color: var(--amber); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: .35rem 1rem; margin: .5rem 0; font-size: .95rem; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; table-layout: fixed; }
th, td { border: 1px solid var(--line); padding: .3rem .45rem; text-align: left; vertical-align: top; overflow-wrap: break-word; }
thead th { position: sticky; top: 0; background: #f8fafc; }
thead th:first-child { width: 17rem; } .pairs thead th:first-child { width: 60%; }
tbody th { font-weight: 600; }
@media (max-width: 60rem) {
  thead { display: none; } table, tbody, tr, td, tbody th { display: block; border: 0; }
  tr { border-top: 1px solid var(--line); padding: .5rem 0; } td.none { display: none; } tbody th { padding-left: 0; }
  td { padding: .25rem 0 .25rem 1rem; } td::before { content: attr(data-damage) ": "; color: var(--faint); }
  .pairs td::before { content: none; }
}
@media print { body { font-size: 9pt; } thead th { position: static; } tr { break-inside: avoid; } }
`
