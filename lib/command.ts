import { $, ProcessOutput, type Shell } from 'zx'
import { OperatorError } from './errors.ts'

/**
 * zx's `$` with the given environment and nothing else: quiet, and apart from the terminal's process group, so that Ctrl-C reaches only
 * the script, which then ends its children itself. Read `.stdout`: zx's `.text()` and `.json()` mix stderr in.
 */
export function shell(env: Record<string, string>, options: { cwd?: string; signal?: AbortSignal; input?: string } = {}): Shell {
  return $({ env, quiet: true, verbose: false, detached: true, ...options })
}

/** The last lines that a failed command wrote to stderr (else stdout), without its stack. */
export function complaintOf(thrown: unknown): string {
  if (!(thrown instanceof ProcessOutput)) return thrown instanceof Error ? thrown.message : String(thrown)
  const text = thrown.stderr.trim() === '' ? thrown.stdout.trim() : thrown.stderr.trim()
  return text === '' ? `exit code ${thrown.exitCode ?? 'unknown'}` : text.split('\n').slice(-4).join('\n')
}

/** The version that an executable tells, e.g. of `kubectl version --client`; undefined where it is not installed. */
export async function isInstalled(program: string, env: Record<string, string>): Promise<boolean> {
  const { exitCode } = await shell(env)`command -v ${program}`.nothrow()
  return exitCode === 0
}

/** Throws where a program that the script cannot do without is missing. */
export async function verifyInstalled(programs: Readonly<Record<string, string>>, env: Record<string, string>): Promise<void> {
  const missing: string[] = []
  for (const [program, where] of Object.entries(programs)) if (!(await isInstalled(program, env))) missing.push(`${program} (${where})`)
  if (missing.length === 0) return
  throw new OperatorError(`not installed, or not on PATH: ${missing.join(', ')}`, {
    kind: 'blocked',
    remedy: 'install what is missing and run again',
  })
}
