import { execFileSync } from 'node:child_process'

/** Pulumi's libraries are large, so they are not part of the runbook's own: they are installed where its component is tested or deployed. */
export function setup(): void {
  const options = { cwd: import.meta.dirname, stdio: 'pipe' } as const
  try {
    execFileSync('npm', ['ls', '--depth=0'], options)
  } catch {
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], options)
  }
}
