/** Where something stands: the file from the top of the checkout, and the line, counted from 1. */
export interface Location {
  readonly file: string
  readonly line: number
}

/** One mistake, with what to do about it. */
export interface Diagnostic extends Location {
  /** Which rule it breaks; docs/validate.md lists them. */
  readonly rule: string
  readonly message: string
  readonly remedy: string
}

/** `file:line: rule: what; remedy`, which editors and CI systems can jump to. */
export function showFinding({ file, line, rule, message, remedy }: Diagnostic): string {
  return `${file}:${line}: ${rule}: ${message}; ${remedy}`
}

/** Each once, by file and line: what two clusters share is found for both. */
export function sortedDiagnostics(findings: readonly Diagnostic[]): Diagnostic[] {
  const once = new Map(findings.map((finding) => [showFinding(finding), finding]))
  return [...once.values()].sort(
    (one, other) =>
      one.file.localeCompare(other.file) ||
      one.line - other.line ||
      one.rule.localeCompare(other.rule) ||
      one.message.localeCompare(other.message),
  )
}
