import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { nearest } from '../../base/nearest.ts'
import { at, type YamlFields, isFields } from './at.ts'
import type { Path } from './source.ts'

/** Where a value breaks its schema, and what to do about it. */
export interface Breach {
  readonly path: Path
  readonly message: string
  readonly remedy: string
}

/** Compiles a JSON schema for few values: quickly. Formats are not checked: neither the API nor Helm does. */
export function compile(schema: YamlFields): (value: unknown) => Breach[] {
  const ajv = new Ajv({
    strict: false,
    allErrors: true,
    validateFormats: false,
    verbose: true,
    logger: false,
    validateSchema: false,
    code: { optimize: false },
  })
  const validate: ValidateFunction = ajv.compile(schema)
  return (value) => (validate(value) ? [] : (validate.errors ?? []).filter(isCause).map(breachOf))
}

/** `if` and `oneOf` say only that something below them is wrong, which is reported itself. */
function isCause({ keyword }: ErrorObject): boolean {
  return !['if', 'oneOf', 'anyOf', 'allOf', 'not'].includes(keyword)
}

function breachOf({ keyword, instancePath, params, message, data, parentSchema }: ErrorObject): Breach {
  const path = instancePath.split('/').slice(1).map(unescape)
  const here = path.join('.') || 'the whole'
  const value = JSON.stringify(data)
  const word = (name: string): string => String(at(params, name))
  switch (keyword) {
    case 'required':
      return { path, message: `${[...path, word('missingProperty')].join('.')} is missing`, remedy: 'add it' }
    case 'additionalProperties': {
      const name = word('additionalProperty')
      const known = Object.keys(at(parentSchema, 'properties') ?? {})
      const meant = nearest(name, known)
      const remedy = meant === undefined ? 'take it out' : `did you mean ${meant}?`
      return { path: [...path, name], message: `there is no field ${[...path, name].join('.')}`, remedy }
    }
    case 'type':
      return {
        path,
        message: `${here} is ${value}, which is not of type ${[at(params, 'type')].flat().join(' or ')}`,
        remedy: 'write a value of that type',
      }
    case 'enum':
      return { path, message: `${here} is ${value}`, remedy: `write one of ${[at(params, 'allowedValues')].flat().join(', ')}` }
    case 'pattern':
      return { path, message: `${here} is ${value}`, remedy: formOf(word('pattern')) }
    default:
      return { path, message: `${here} is ${value}, and ${message ?? keyword}`, remedy: 'fix it' }
  }
}

/** A pattern in words, where it is one that Flux's CRDs have often. */
function formOf(pattern: string): string {
  return /\(ms\|s\|m\|h\)/.test(pattern) ? 'write a duration, as 5m or 1h30m' : `write it as ${pattern}`
}

function unescape(step: string): string | number {
  return /^\d+$/.test(step) ? Number(step) : step.replaceAll('~1', '/').replaceAll('~0', '~')
}

/**
 * The schema of a CRD's version as JSON schema: what the API does by extensions of its own is said in words that JSON schema has. A field
 * that the CRD does not know is refused, as server-side apply does.
 */
export function fromCrd(schema: unknown): YamlFields {
  if (!isFields(schema)) return {}
  const { 'x-kubernetes-int-or-string': isEither, 'x-kubernetes-preserve-unknown-fields': isOpen, nullable, ...rest } = schema
  if (isEither === true) return { type: ['integer', 'string'] }
  const translated: Record<string, unknown> = { ...rest }
  for (const key of ['items', 'additionalProperties']) if (isFields(rest[key])) translated[key] = fromCrd(rest[key])
  for (const key of ['allOf', 'anyOf', 'oneOf']) {
    const alternatives = rest[key]
    if (Array.isArray(alternatives)) translated[key] = alternatives.map((one) => ({ ...(isFields(one) ? one : {}) }))
  }
  const { properties } = rest
  if (isFields(properties)) {
    translated['properties'] = Object.fromEntries(Object.entries(properties).map(([name, below]) => [name, fromCrd(below)]))
    if (isOpen !== true && rest['additionalProperties'] === undefined) translated['additionalProperties'] = false
  }
  if (nullable === true && typeof rest['type'] === 'string') translated['type'] = [rest['type'], 'null']
  return translated
}
