import { shellQuote } from '../../base/shell-line.ts'
import { at, isFields } from './at.ts'
import type { Diagnostic } from './diagnostic.ts'
import type { SourceFile } from './source.ts'

/** Metrics that Flux has no more (helm-controller 0.37, the others since Flux 2.5), and some that never were. */
const removed: readonly { name: RegExp; instead: string }[] = [
  { name: /\bgotk_reconcile_condition\b/, instead: 'flux_resource_info with its label ready' },
  { name: /\bgotk_suspend_status\b/, instead: 'flux_resource_info with its label suspended' },
  { name: /\bflux_operator_reconcile_\w+/, instead: 'controller_runtime_reconcile_errors_total' },
]

/** Finds queries for metrics that no controller exports: such an alert never fires. */
export function checkMetrics(file: string, text: string, firstLine = 1): Diagnostic[] {
  return text.split('\n').flatMap((line, index) =>
    removed.flatMap(({ name, instead }) => {
      const found = line.replace(/^\s*#.*/, '').match(name)?.[0]
      if (found === undefined) return []
      return [{ file, line: firstLine + index, rule: 'metric', message: `no controller exports ${found}`, remedy: `use ${instead}` }]
    }),
  )
}

/** Finds what Git would keep forever: Secrets in plain text, and addresses with a password in them. */
export function checkSecrecy({ file, text, documents }: SourceFile): Diagnostic[] {
  const plain = documents.flatMap(({ kind, name, value, find }) => {
    const field = ['data', 'stringData'].find((key) => at(value, key) !== undefined)
    if (kind !== 'Secret' || field === undefined || at(value, 'sops') !== undefined || holdsNothing(at(value, field))) return []
    const remedy = `change the secret, and encrypt the file: sops --encrypt --in-place ${shellQuote(file)}`
    return [
      {
        file,
        line: find([field]).line,
        rule: 'plain-secret',
        message: `Secret ${name} is in plain text, which Git keeps forever`,
        remedy,
      },
    ]
  })
  const passwords = text.split('\n').flatMap((line, index) => {
    const password = /:\/\/[^/\s:@]+:([^/\s@]+)@/.exec(line)?.[1]
    if (password === undefined || isPlaceholder(password)) return []
    const remedy = 'change the password, and remove it: bootstrap creates the Secret from GIT_USERNAME and GIT_PASSWORD'
    return [{ file, line: index + 1, rule: 'credentials', message: 'an address holds a password, which Git keeps forever', remedy }]
  })
  return [...plain, ...passwords]
}

/** Whether a text stands for what is put in later: `{NAME}`, `${NAME}`, `$(NAME)`, `{{name}}`, `<name>`, `$NAME`, `%s`, `***`, or is encrypted. */
function isPlaceholder(text: string): boolean {
  return /^(\$?\{.*\}|\$\(.*\)|<.*>|\$\w+|%\w+%?|\*+|ENC\[.*\])$/.test(text)
}

/** Whether the entries of a Secret say nothing themselves: they are empty, or variables that Flux puts in. */
function holdsNothing(entries: unknown): boolean {
  return (
    isFields(entries) &&
    Object.values(entries).every((value) => value === null || value === '' || (typeof value === 'string' && isPlaceholder(value)))
  )
}
