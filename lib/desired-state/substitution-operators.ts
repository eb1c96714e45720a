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
  const matches = matcherOf(pattern)
  if (matches === undefined) return value
  const characters = Array.from(value)
  const prefixes = characters.map((_, index) => characters.slice(0, index + 1).join('')).filter(matches)
  const found = which === 'shortest' ? prefixes[0] : prefixes.at(-1)
  return found === undefined ? value : value.slice(found.length)
}

/** A pattern of a shell: `*`, `?`, `[a-z]`, `[^a-z]`, `\*`; undefined for one that ends in the middle of something. */
function matcherOf(pattern: string): ((text: string) => boolean) | undefined {
  const literal = (character: string): string => character.replace(/[\\^$.*+?()[\]{}|/-]/, String.raw`\$&`)
  let source = ''
  const characters = Array.from(pattern)
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? ''
    if (character === '*') source += '.*'
    else if (character === '?') source += '.'
    else if (character === '\\') {
      at++
      const next = characters[at]
      if (next === undefined) return undefined
      source += literal(next)
    } else if (character === '[') {
      const end = characters.indexOf(']', at + 2)
      if (end === -1) return undefined
      const inside = characters.slice(at + 1, end).join('')
      source += `[${inside.replaceAll(/[\\[\]]/g, String.raw`\$&`)}]`
      at = end
    } else source += literal(character)
  }
  try {
    const expression = new RegExp(`^${source}$`, 'su')
    return (text) => expression.test(text)
  } catch {
    return undefined // such as a range whose ends are the wrong way round
  }
}
