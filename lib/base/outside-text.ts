/**
 * The gate: what comes from outside (a condition's message, a branch's name, a registry's answer) passes here on its way to people. Everything
 * that is not to be seen is shown: control characters, which move a terminal's cursor or write its clipboard, and format characters, which
 * turn the direction of text around or hide it; and what a CI would take for a command. The form is JSON's, so that a JSON document means the same afterwards.
 */
export function visible(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(/(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escaped)
    .replace(toJob, (mark) => `${mark.slice(0, -1)}${escaped(mark.slice(-1))}`)
}

/**
 * How a line of a job's log speaks to the CI that runs the job: Azure Pipelines and TeamCity take `##vso[task.setvariable …]` anywhere in a
 * line, GitHub `::add-path::…` and `##[…]` at its beginning. Each form is broken at its last character before the word.
 */
const toJob = /##(?=[a-z]*\[)|^[ \t]*::(?=[a-z][a-z-]*(?:[ \t][^\n]*)?::)/gim

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')
}

/** Shifts the lines after the first to the right: none of them can pass for a line of ours. */
export function indented(text: string): string {
  const own = /^ */.exec(text)?.[0] ?? ''
  return text.replaceAll('\n', `\n${own}  `)
}

/** The beginning of a text that may be of any length. The redactor knows the mark: what is before it may be the beginning of a secret. */
export function beginningOf(text: string, most: number): string {
  const trimmed = text.trim()
  return trimmed.length > most ? `${trimmed.slice(0, most - 1)}…` : trimmed
}

/** A text in one line. A regular expression that begins with spaces would take minutes for 60,000 of them. */
export function inOneLine(text: string): string {
  const [first = '', ...others] = text.split('\n')
  const last = others.pop()
  if (last === undefined) return text
  return [first.trimEnd(), ...others.map((line) => line.trim()).filter((line) => line !== ''), last.trimStart()].join(' ')
}

/** A text as Markdown that shows just that: no markup, no link, no HTML, no line that begins a block of its own. */
export function escapeMarkdown(text: string): string {
  return visible(text)
    .replace(/[\\`*[\]<|]|~(?!\/)|&(?=#?\w+;)|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\$&')
    .replace(/^[ \t]+/gm, '')
    .replace(/^(\d+)([.)])(?=\s|$)/gm, '$1\\$2')
    .replace(/^[#+=>-]/gm, '\\$&')
}

/** A text between tags of HTML, or in an attribute. */
export function escapeHtml(text: string): string {
  return visible(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
