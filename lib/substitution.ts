import { OperatorError } from './errors.ts'

/**
 * Flux's post-build substitution, the two forms that our tree uses: `${name}` and `${name:=default}` (`$${` is a literal `${`).
 * @throws OperatorError for a variable without value or default (Flux would put in nothing) and for any other form
 */
export function substitute(text: string, variables: Readonly<Record<string, string>>, where: string): string {
  return text.replace(/(\$?)\$\{([^}]*)\}/g, (whole, escape: string, inside: string) => {
    if (escape === '$') return whole.slice(1)
    const form = /^([A-Za-z_][A-Za-z0-9_]*)(?::=(.*))?$/s.exec(inside)
    if (form === null) throw new OperatorError(`${where} uses ${whole}; only \${name} and \${name:=default} are understood`)
    const [, name = '', fallback] = form
    const value = variables[name]
    // As in a shell, `:=` also replaces an empty value.
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value
    if (value === undefined) throw new OperatorError(`${where} uses ${whole}, which the cluster's settings.yaml does not set`)
    return value
  })
}
