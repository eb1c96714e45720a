import { at, isFields, listAt, textAt } from './at.ts'
import type { Path } from './source.ts'
import { unknownValue } from './variables.ts'

/** What a ResourceSet makes, as far as it can be known without a cluster. */
export interface ResourceSetObjects {
  readonly objects: readonly { readonly object: unknown; readonly path: Path }[]
  /** Whether that is all that it makes. */
  readonly isWhole: boolean
}

const template = /<<-?((?:(?!<<|>>).)*)>>/gs

/** What stands in a template, without what trims the text around it. */
function expressionIn(inside: string): string {
  return inside.replace(/-$/, '').trim()
}

/**
 * Puts a ResourceSet's own inputs into its resources. `<< inputs.name >>` is read; what a pipeline or function makes is not known, nor what
 * a template of text, a provider of inputs or a condition brings.
 */
export function expandResourceSet(set: unknown): ResourceSetObjects {
  const spec = at(set, 'spec')
  const inputs = listAt(spec, 'inputs')
  const isOpen = textAt(spec, 'resourcesTemplate') !== '' || listAt(spec, 'inputsFrom').length > 0
  const rows = inputs.length > 0 || listAt(spec, 'inputsFrom').length > 0 ? inputs : [{}]
  let isWhole = !isOpen
  const objects = rows.flatMap((input) =>
    listAt(spec, 'resources').flatMap((resource, index) => {
      const object = filled(resource, input)
      const { metadata, kind } = isFields(object) ? object : {}
      if (/\b(range|if|with|end|block|define)\b/.test(templatesIn(resource)) || JSON.stringify([metadata, kind]).includes(unknownValue)) {
        isWhole = false
        return []
      }
      return [{ object, path: ['spec', 'resources', index] }]
    }),
  )
  return { objects, isWhole }
}

function templatesIn(resource: unknown): string {
  return [...JSON.stringify(resource).matchAll(template)].map(([, inside = '']) => expressionIn(inside)).join(' ')
}

function filled(value: unknown, input: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => filled(item, input))
  if (isFields(value)) return Object.fromEntries(Object.entries(value).map(([key, below]) => [key, filled(below, input)]))
  if (typeof value !== 'string') return value
  const [only, ...more] = value.matchAll(template)
  if (only?.[0] === value && more.length === 0) return inputAt(expressionIn(only[1] ?? ''), input)
  return value.replace(template, (_, inside: string) => String(inputAt(expressionIn(inside), input)))
}

/** What `inputs.name.field` says; not known where it is anything else. */
function inputAt(expression: string, input: unknown): unknown {
  const path = /^inputs((?:\.[A-Za-z_]\w*)+)$/.exec(expression)?.[1]?.slice(1).split('.')
  return (path === undefined ? undefined : at(input, ...path)) ?? unknownValue
}
