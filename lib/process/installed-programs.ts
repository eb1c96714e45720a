import { access, constants, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '../base/errors.ts'

/** Whether the program can be called, by name on PATH or by path. */
export async function isInstalled(program: string, { PATH = '' }: Readonly<Record<string, string>>): Promise<boolean> {
  const places = program.includes('/') ? [program] : PATH.split(':').map((folder) => join(folder, program))
  for (const place of places) if (await isExecutable(place)) return true
  return false
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false // not there, or not for this person
  }
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
