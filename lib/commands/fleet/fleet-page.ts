import { showDuration } from '../../base/duration.ts'
import { escapeHtml } from '../../base/outside-text.ts'
import type { FleetDocument } from './fleet-document.ts'
import { factsOf } from './fleet-facts.ts'
import { drawFleetTimeline } from './fleet-timeline.ts'

/** The report of a fleet as one page that needs nothing else: no script, no font, no request leaves it. It prints on A4. */
export function drawFleetPage(document: FleetDocument): string {
  const { verdict, succeeded, head, byVersion, slowest, troubles } = factsOf(document)
  const title = `Fleet ${document.command}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p class="verdict ${succeeded ? 'good' : 'bad'}">${escapeHtml(verdict)}</p>
<dl>${head.map(([name, value]) => `<div><dt>${name}</dt><dd>${escapeHtml(value)}</dd></div>`).join('')}</dl>
${section(
  'Clusters by outcome and version',
  table(
    ['Flux', 'outcome', 'clusters', ''],
    byVersion.map(({ version, outcome, names }) => [version, outcome, String(names.length), names.join(', ')]),
  ),
)}
${
  troubles.length === 0
    ? ''
    : section(
        'What failed, and why',
        table(
          ['wave', 'cluster', 'outcome', 'why', 'next'],
          troubles.map(({ wave, name, outcome, why, next }) => [wave, name, outcome, why, next]),
        ),
      )
}
${section('Timeline', drawFleetTimeline(document))}
${section(
  'The slowest',
  table(
    ['cluster', 'wave', 'took'],
    slowest.map(({ name, wave, tookMs }) => [name, wave, showDuration(tookMs)]),
  ),
)}
${document.error === undefined ? '' : section('What went wrong', `<p class="bad">${escapeHtml(document.error.message)}</p>${document.error.remedy === undefined ? '' : `<pre>${escapeHtml(document.error.remedy)}</pre>`}`)}
</main>
</body>
</html>
`
}

function section(title: string, content: string): string {
  return `<section>\n<h2>${title}</h2>\n${content}\n</section>`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, texts: readonly string[]): string =>
    `<tr>${texts.map((text) => `<${tag}>${escapeHtml(text)}</${tag}>`).join('')}</tr>`
  return `<div class="wide"><table><thead>${cells('th', head)}</thead><tbody>${rows.map((row) => cells('td', row)).join('\n')}</tbody></table></div>`
}

const style = `
:root { --ink: #1c2430; --faint: #667085; --line: #d0d5dd; --red: #c4320a; --green: #1a7f4b; --blue: #2f6fd6; }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--ink); background: #fff; }
main { max-width: 64rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
.verdict { font-weight: 600; margin: 0 0 1rem; }
.good { color: var(--green); } .bad { color: var(--red); }
section { border-top: 1px solid var(--line); padding: 1rem 0; }
dl { margin: .5rem 0 1rem; font-size: .95rem; }
dl div { display: flex; gap: .5rem; } dt { color: var(--faint); flex: none; width: 5rem; } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { text-align: left; color: var(--faint); font-weight: normal; }
th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; }
svg { display: block; width: 100%; height: auto; }
svg text { font-size: 11px; fill: var(--ink); text-anchor: end; } svg text.tick { fill: var(--faint); text-anchor: middle; } svg text.last { fill: var(--faint); }
svg line { stroke: var(--line); }
rect.succeeded { fill: var(--blue); } rect.failed { fill: var(--red); }
@media print { body { font-size: 10pt; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
`
