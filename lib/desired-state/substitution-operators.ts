/** The operators that give a value where a variable has none, so that one without is not a mistake. */
export function providesDefault(operator: string): boolean {
  return /^:?[-+=?]$/.test(operator)
}

/** What an operator of `${name…}` makes of a value (fluxcd/pkg envsubst/funcs.go). Those that bash does not have give the default. */
export function applyOperator(operator: string, value: string, words: readonly string[]): string {
  const [first = '', second = ''] = words
  switch (operator) {
    case ',':
      return firstLetter(value, (letter) => letter.toLowerCase())
    case ',,':
      return value.toLowerCase()
    case '^':
      return firstLetter(value, (letter) => letter.toUpperCase())
    case '^^':
      return value.toUpperCase()
    case '#':
      return words.length === 0 ? String(Buffer.byteLength(value)) : withoutPrefix(value, first, 'shortest')
    case '##':
      return withoutPrefix(value, first, 'longest')
    case '%':
      return reversed(withoutPrefix(reversed(value), reversed(first), 'shortest'))
    case '%%':
      return reversed(withoutPrefix(reversed(value), reversed(first), 'longest'))
    case ':':
      return part(value, words)
    case '/':
      return value.replace(first, () => second)
    case '//':
      return value.replaceAll(first, () => second)
    case '/#':
      return words.length === 2 && value.startsWith(first) ? second + value.slice(first.length) : value
    case '/%':
      return words.length === 2 && value.endsWith(first) ? value.slice(0, value.length - first.length) + second : value
    default:
      return value === '' ? words.join('') : value
  }
}

function firstLetter(value: string, change: (letter: string) => string): string {
  const [letter = '', ...rest] = value
  return change(letter) + rest.join('')
}

function reversed(value: string): string {
  return Array.from(value).reverse().join('')
}

/** Positions count bytes; a number that is none leaves the value as it is. */
function part(value: string, [position = '', length]: readonly string[]): string {
  const bytes = Buffer.from(value)
  const from = wholeNumber(position)
  if (from === undefined) return value
  const start = from < 0 ? Math.max(0, bytes.length + from) : from
  if (length === undefined) return bytes.subarray(start).toString()
  const count = wholeNumber(length)
  if (count === undefined) return value
  const end = count < 0 ? bytes.length + count : start + count
  return end < start ? '' : bytes.subarray(start, end).toString()
}

function wholeNumber(text: string): number | undefined {
  return /^[+-]?\d+$/.test(text) ? Number(text) : undefined
}

function withoutPrefix(value: string, pattern: string, which: 'shortest' | 'longest'): string {
  const parts = partsOf(pattern)
  if (parts === undefined) return value
  const characters = Array.from(value)
  const found = prefixesOf(characters, parts)
  const length = which === 'shortest' ? found[0] : found.at(-1)
  return length === undefined ? value : characters.slice(length).join('')
}

/** Any text, or one character that fits. */
type PatternPart = '*' | ((character: string) => boolean)

/** How many steps a match may take: a pattern and a value of some thousand characters each. A long text is no reason to lose the lock. */
const mostSteps = 20_000_000

/**
 * The lengths of the prefixes that match the whole pattern, none of them empty. Each character is read once: a regular expression tries
 * every way to share a text out among several `*`, which takes minutes for six of them.
 */
function prefixesOf(characters: readonly string[], parts: readonly PatternPart[]): number[] {
  if (characters.length * parts.length > mostSteps) throw new RangeError('the pattern and the value are too long')
  /** How many parts may have been matched so far. */
  let reached = beyondStars(new Set([0]), parts)
  const found: number[] = []
  for (const [at, character] of characters.entries()) {
    const next = new Set<number>()
    for (const done of reached) {
      const part = parts[done]
      if (part === '*') next.add(done)
      else if (part?.(character) === true) next.add(done + 1)
    }
    reached = beyondStars(next, parts)
    if (reached.size === 0) break
    if (reached.has(parts.length)) found.push(at + 1)
  }
  return found
}

/** A star may stand for nothing. The set grows while it is read. */
function beyondStars(reached: Set<number>, parts: readonly PatternPart[]): Set<number> {
  for (const done of reached) if (parts[done] === '*') reached.add(done + 1)
  return reached
}

/** A pattern of a shell: `*`, `?`, `[a-z]`, `[^a-z]`, `\*`; undefined for one that ends in the middle of something. */
function partsOf(pattern: string): PatternPart[] | undefined {
  const same = (wanted: string) => (character: string) => character === wanted
  const parts: PatternPart[] = []
  const characters = Array.from(pattern)
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? ''
    if (character === '*') {
      if (parts.at(-1) !== '*') parts.push('*')
    } else if (character === '?') parts.push(() => true)
    else if (character === '\\') {
      at++
      const next = characters[at]
      if (next === undefined) return undefined
      parts.push(same(next))
    } else if (character === '[') {
      const end = characters.indexOf(']', at + 2)
      const fits = end === -1 ? undefined : classOf(characters.slice(at + 1, end).join(''))
      if (fits === undefined) return undefined
      parts.push(fits)
      at = end
    } else parts.push(same(character))
  }
  return parts
}

function classOf(inside: string): ((character: string) => boolean) | undefined {
  try {
    const expression = new RegExp(`^[${inside.replaceAll(/[\\[\]]/g, String.raw`\$&`)}]$`, 'su')
    return (character) => expression.test(character)
  } catch {
    return undefined // such as a range whose ends are the wrong way round
  }
}
