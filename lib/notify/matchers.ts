import { OperatorError } from '../base/errors.ts'

/** Which alerts a silence is for, as Alertmanager's API has it: all matchers of a silence must fit an alert. */
export interface Matcher {
  readonly name: string
  readonly value: string
  readonly isRegex: boolean
  readonly isEqual: boolean
}

const one = /^\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)/

/**
 * Parses `namespace="flux-system", alertname=~"Flux.*"`, the form that amtool and Alertmanager's page take.
 * @throws OperatorError `usage` for anything else, and for what would silence every alert there is
 */
export function parseMatchers(text: string): Matcher[] {
  const matchers: Matcher[] = []
  for (let rest = text; rest.trim() !== '';) {
    const found = one.exec(rest)
    if (found === null) throw wrong(text, `"${rest.trim()}" is not a matcher`)
    const [whole, name = '', operator = '', quoted = ''] = found
    matchers.push({
      name,
      value: quoted.replace(/\\(.)/g, '$1'),
      isRegex: operator.endsWith('~'),
      isEqual: !operator.startsWith('!'),
    })
    rest = rest.slice(whole.length)
  }
  if (matchers.every((matcher) => fitsNothing(matcher, text))) throw wrong(text, 'it would silence every alert')
  return matchers
}

/** Whether a matcher fits an alert without that label: Alertmanager refuses a silence of nothing else, but only in the window. */
function fitsNothing({ value, isRegex, isEqual }: Matcher, text: string): boolean {
  if (!isRegex) return (value === '') === isEqual
  try {
    return new RegExp(`^(?:${value})$`).test('') === isEqual
  } catch {
    throw wrong(text, `"${value}" is not a regular expression`)
  }
}

function wrong(text: string, why: string): OperatorError {
  return new OperatorError(`ALERTMANAGER_MATCHERS cannot be used: ${why} (${text})`, {
    kind: 'usage',
    remedy: 'write it like namespace="flux-system", alertname=~"Flux.*" (.env.example)',
  })
}
