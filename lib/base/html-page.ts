import { escapeHtml } from './outside-text.ts'

/**
 * A report as one page that needs nothing else: no script, no font, no request leaves it.
 * @param style CSS beside what all of these pages have
 * @param content HTML, what came from outside escaped
 */
export function htmlPage(title: string, style: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${common}${style}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${content}
</main>
</body>
</html>
`
}

/** Names and values, as an HTML list of definitions. */
export function htmlDefinitions(rows: readonly (readonly [string, string])[]): string {
  return `<dl>${rows.map(([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`).join('')}</dl>`
}

const common = `
:root { --ink: #1c2430; --faint: #667085; --line: #d0d5dd; --amber: #b54708; --blue: #2f6fd6; --red: #c4320a; --green: #1a7f4b; }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--ink); background: #fff; }
main { margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
dl div { display: flex; gap: .5rem; } dt { color: var(--faint); flex: none; } dd { margin: 0; overflow-wrap: anywhere; }
.verdict { font-weight: 600; margin: 0 0 1rem; }
.good { color: var(--green); } .bad { color: var(--red); }
@media print { * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
`
