/** A text, and in it the variables that are to be put in. */
export type Template = readonly (string | Expansion)[]

/** `${name}`, or with an operator and its words: `${name:=word}`, `${name/word/word}`. */
export interface Expansion {
  readonly name: string
  /** Empty for the plain form. */
  readonly operator: string
  readonly words: readonly Template[]
}

/** A form of substitution that Flux refuses: the Kustomization fails, and nothing of it is applied. */
export class BadSubstitution extends Error {
  /** From its `${` on, as far as it was read. */
  readonly form: string

  constructor(form: string, why: string) {
    super(`${form} is ${why}`)
    this.form = form
  }
}

/**
 * Reads a text as Flux does (fluxcd/pkg envsubst/parse): `$$` is a `$`, words may hold further variables, no word holds a `}`.
 * @throws BadSubstitution
 */
export function parseTemplate(text: string): Template {
  return new Parser(text).template()
}

const identifier = /[\p{L}\p{Nd}_]+/uy

/** No text is as deep; each level takes a part of the stack. */
const deepest = 100

class Parser {
  readonly #text: string
  #at = 0
  /** Where the outermost variable begins that is being read. */
  #start = 0
  /** How many variables it is in, each in a word of the one before. */
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  template(): Template {
    const parts: (string | Expansion)[] = []
    while (this.#at < this.#text.length) {
      if (this.#takes('${')) {
        this.#start = this.#at - 2
        parts.push(this.#expansion())
      } else parts.push(this.#plain('', '$'))
    }
    return parts
  }

  #expansion(): Expansion {
    if (++this.#depth > deepest) this.#refuse('nested too deeply')
    const expansion = this.#inside()
    this.#depth--
    return expansion
  }

  #inside(): Expansion {
    if (this.#takes('#')) {
      const name = this.#name('bad substitution')
      return this.#closed({ name, operator: '#', words: [] })
    }
    const name = this.#name('a variable without a name')
    const rest = this.#text.slice(this.#at, this.#at + 2)
    if (/^(:[-=?+]|=)/.test(rest)) return this.#withDefault(name)
    if (rest.startsWith(':')) return this.#substring(name)
    const operator = /^(,,?|\^\^?|\/[/#%]?|##?|%%?)/.exec(rest)?.[0] ?? ''
    this.#at += operator.length
    if (operator === '' || /^[,^]/.test(operator)) return this.#closed({ name, operator, words: [] })
    if (operator.startsWith('/')) return this.#replacement(name, operator)
    return this.#closed({ name, operator, words: [this.#word('}', '')] })
  }

  #withDefault(name: string): Expansion {
    const operator = this.#takes('=') ? '=' : this.#text.slice(this.#at, (this.#at += 2))
    const words: Template[] = []
    while (!this.#takes('}')) words.push(this.#word('}', ''))
    return { name, operator, words }
  }

  #substring(name: string): Expansion {
    this.#at++
    const position = this.#word(':}', '')
    if (this.#takes('}')) return { name, operator: ':', words: [position] }
    while (this.#takes(':')); // as many as there are
    return this.#closed({ name, operator: ':', words: [position, this.#word('}', '')] })
  }

  #replacement(name: string, operator: string): Expansion {
    const pattern = this.#word('/', '$\\')
    if (!this.#takes('/')) this.#refuse('bad substitution')
    while (this.#takes('/')); // as many as there are
    if (this.#takes('}')) return { name, operator, words: [pattern] }
    return this.#closed({ name, operator, words: [pattern, this.#word('}', '$\\')] })
  }

  /** A word: a variable, or text up to one of these characters or the next variable. It is not empty. */
  #word(ends: string, escapes: string): Template {
    if (this.#takes('${')) return [this.#expansion()]
    const text = this.#plain(ends, escapes)
    if (text === '') this.#refuse('bad substitution')
    return [text]
  }

  #plain(ends: string, escapes: string): string {
    let text = ''
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at] ?? ''
      const next = this.#text[this.#at + 1] ?? ''
      if (character === '$' && next === '{') break
      const isEscaped = escapes.includes(character) && (character === '$' ? next === '$' : next === '/' || next === '\\')
      if (!isEscaped && ends.includes(character)) break
      text += isEscaped ? next : character
      this.#at += isEscaped ? 2 : 1
    }
    return text
  }

  #name(why: string): string {
    identifier.lastIndex = this.#at
    const name = identifier.exec(this.#text)?.[0]
    if (name === undefined) return this.#refuse(why)
    this.#at += name.length
    return name
  }

  #closed(expansion: Expansion): Expansion {
    if (this.#takes('}')) return expansion
    return this.#refuse('bad substitution')
  }

  #takes(what: string): boolean {
    if (!this.#text.startsWith(what, this.#at)) return false
    this.#at += what.length
    return true
  }

  #refuse(why: string): never {
    const line = this.#text.slice(this.#start).split('\n')[0] ?? ''
    const form = /^\$\{[^}]*\}?/.exec(line)?.[0] ?? line
    throw new BadSubstitution(form, why)
  }
}
