/** One command of a shell line: its program and the words after it. */
export interface ShellCommand {
  readonly program: string
  readonly words: readonly string[]
}

/**
 * The commands of a shell text as people put it into documents: quotes, comments, pipes, `&&`, `;`, continued lines, assignments and
 * `$(…)`, whose inside counts as commands of its own. No loops, no functions: a document that needs them is a script.
 */
export function commandsIn(text: string): ShellCommand[] {
  const found: ShellCommand[] = []
  let words: string[] = []
  let word: string | undefined
  const endWord = (): void => {
    if (word !== undefined) words.push(word)
    word = undefined
  }
  const endCommand = (): void => {
    endWord()
    const start = words.findIndex((one) => !/^[A-Za-z_][A-Za-z0-9_]*=/.test(one))
    const [program, ...rest] = start === -1 ? [] : words.slice(start)
    if (program !== undefined) found.push({ program, words: rest })
    words = []
  }
  for (let at = 0; at < text.length; at++) {
    const sign = text[at] ?? ''
    if (sign === '\\') {
      if (text[at + 1] !== '\n') word = (word ?? '') + (text[at + 1] ?? '')
      at += 1
    } else if (sign === "'" || sign === '"') {
      const end = text.indexOf(sign, at + 1)
      const inside = text.slice(at + 1, end === -1 ? undefined : end)
      if (sign === '"') found.push(...substitutionsIn(inside))
      word = (word ?? '') + inside
      at = end === -1 ? text.length : end
    } else if (text.startsWith('$(', at)) {
      const end = closing(text, at + 2)
      found.push(...commandsIn(text.slice(at + 2, end)))
      word = (word ?? '') + text.slice(at, end + 1)
      at = end
    } else if (sign === '#' && word === undefined) {
      const end = text.indexOf('\n', at)
      at = end === -1 ? text.length : end - 1
    } else if (sign === '>' || sign === '<') {
      if (/^\d$/.test(word ?? '')) word = undefined // 2>
      endWord()
      at = skipRedirection(text, at)
    } else if ('|&;\n'.includes(sign)) endCommand()
    else if (/\s/.test(sign)) endWord()
    else word = (word ?? '') + sign
  }
  endCommand()
  return found
}

function substitutionsIn(text: string): ShellCommand[] {
  const start = text.indexOf('$(')
  return start === -1 ? [] : commandsIn(text.slice(start + 2, closing(text, start + 2)))
}

/** Where the parenthesis ends that was opened just before. */
function closing(text: string, from: number): number {
  let open = 1
  for (let at = from; at < text.length; at++) {
    if (text[at] === '(') open += 1
    if (text[at] === ')') open -= 1
    if (open === 0) return at
  }
  return text.length
}

/** The last sign of a redirection and the file it names. */
function skipRedirection(text: string, from: number): number {
  const [whole = ''] = /^[<>]+&?\s*[^\s|&;]*/.exec(text.slice(from)) ?? []
  return from + whole.length - 1
}
