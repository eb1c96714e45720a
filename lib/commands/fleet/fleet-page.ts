import { htmlDefinitions, htmlPage } from '../../base/html-page.ts'
import { escapeHtml } from '../../base/outside-text.ts'
import type { FleetDocument } from './fleet-document.ts'
import { type FactTable, factsOf } from './fleet-facts.ts'
import { drawFleetTimeline } from './fleet-timeline.ts'

/** The report of a fleet as one page. It prints on A4. */
export function drawFleetPage(document: FleetDocument): string {
  const { verdict, succeeded, head, byVersion, slowest, troubles } = factsOf(document)
  const parts = [
    `<p class="verdict ${succeeded ? 'good' : 'bad'}">${escapeHtml(verdict)}</p>`,
    htmlDefinitions(head),
    tableOf(byVersion),
    tableOf(troubles),
    section('Timeline', `<div class="wide">${drawFleetTimeline(document)}</div>`),
    tableOf(slowest),
    document.error === undefined ? '' : section('What went wrong', errorOf(document.error)),
  ]
  return htmlPage(`Fleet ${document.command}`, style, parts.filter((part) => part !== '').join('\n'))
}

function errorOf({ message, remedy }: NonNullable<FleetDocument['error']>): string {
  return `<p class="bad">${escapeHtml(message)}</p>${remedy === undefined ? '' : `<pre>${escapeHtml(remedy)}</pre>`}`
}

function section(title: string, content: string): string {
  return `<section>\n<h2>${title}</h2>\n${content}\n</section>`
}

function tableOf({ title, columns, rows }: FactTable): string {
  if (rows.length === 0) return ''
  const cells = (tag: string, texts: readonly string[]): string =>
    `<tr>${texts.map((text) => `<${tag}${text.length > longText ? ' class="long"' : ''}>${escapeHtml(text)}</${tag}>`).join('')}</tr>`
  const body = rows.map((row) => cells('td', row)).join('\n')
  return section(title, `<div class="wide"><table><thead>${cells('th', columns)}</thead><tbody>${body}</tbody></table></div>`)
}

/** Cells of more characters than these may break anywhere, so that the words of the others stay whole. */
const longText = 32

const style = `
main { max-width: 64rem; }
h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
section { border-top: 1px solid var(--line); padding: 1rem 0; }
dl { margin: .5rem 0 1rem; font-size: .95rem; }
dt { width: 5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { text-align: left; color: var(--faint); font-weight: normal; }
th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td:not(.long) { white-space: nowrap; }
td.long { min-width: 14rem; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; }
svg { display: block; width: 100%; min-width: 36rem; height: auto; }
svg text { font-size: 11px; fill: var(--ink); text-anchor: end; } svg text.tick { fill: var(--faint); text-anchor: middle; } svg text.last { fill: var(--faint); }
svg line { stroke: var(--line); }
rect.succeeded { fill: var(--blue); } rect.failed { fill: var(--red); }
@media print { body { font-size: 10pt; } }
`
