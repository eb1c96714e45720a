import { OperatorError } from '../base/errors.ts'
import { applyOperator, providesDefault } from './substitution-operators.ts'
import { BadSubstitution, parseTemplate, type Template } from './substitution-template.ts'

export { BadSubstitution } from './substitution-template.ts'

/** A text with its variables put in. */
export interface Substitution {
  readonly text: string
  /** The variables that have neither a value nor a default: Flux puts in nothing, or refuses them (its gate StrictPostBuildSubstitutions). */
  readonly missing: readonly string[]
}

/** Names that a variable may have: kustomize-controller refuses a ConfigMap or Secret with any other (fluxcd/pkg kustomize, varsubRegex). */
export function isVariableName(name: string): boolean {
  return /^[_A-Za-z][_A-Za-z0-9]*$/.test(name)
}

/**
 * Flux's post-build substitution, every form that it has (fluxcd/pkg envsubst).
 * @throws BadSubstitution for a form that Flux refuses
 */
export function evaluate(text: string, variables: Readonly<Record<string, string>>): Substitution {
  if (!text.includes('$')) return { text, missing: [] }
  const missing = new Set<string>()
  const valueOf = (name: string): string | undefined =>
    // A value of several lines would break the YAML that it is put into.
    Object.hasOwn(variables, name) ? variables[name]?.replaceAll('\n', '') : undefined
  const write = (template: Template): string =>
    template
      .map((part) => {
        if (typeof part === 'string') return part
        const words = part.words.map(write)
        const value = valueOf(part.name)
        if (value === undefined && !providesDefault(part.operator)) missing.add(part.name)
        return applyOperator(part.operator, value ?? '', words)
      })
      .join('')
  try {
    return { text: write(parseTemplate(text)), missing: [...missing] }
  } catch (error) {
    // Nested too deeply for the stack, or longer than any text: what Flux makes of it is not known.
    if (error instanceof RangeError) throw new BadSubstitution('a substitution', `too large to be evaluated: ${error.message}`)
    throw error
  }
}

/**
 * The same, for what is to be built with nothing left out.
 * @throws OperatorError for a variable without value or default (Flux would substitute an empty string)
 * @throws BadSubstitution for a form that Flux refuses
 */
export function substitute(text: string, variables: Readonly<Record<string, string>>, where: string): string {
  const { text: done, missing } = evaluate(text, variables)
  const [first] = missing
  if (first === undefined) return done
  throw new OperatorError(`${where} uses \${${first}}, which the cluster's settings.yaml does not set`)
}
