import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { packageRoot } from '../lib/base/paths.ts'

/** The package as people have it: made by npm pack, installed without a network into an empty folder whose name has a space in it. */
export interface InstalledPackage {
  readonly tarball: string
  /** Where it was installed, and where its program is run. */
  readonly folder: string
  readonly program: string
  readonly run: (args: readonly string[], options?: { cwd?: string; env?: Record<string, string> }) => Promise<Ran>
  /** Its files, with the size and the time of each: what they are as long as nobody has written there. */
  readonly files: () => readonly string[]
  readonly remove: () => void
}

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export async function installPackage(): Promise<InstalledPackage> {
  const place = realpathSync(mkdtempSync(join(tmpdir(), 'frb installed-')))
  const folder = join(place, 'empty')
  mkdirSync(folder)
  const npm = promisify(execFile)
  const packed = await npm('npm', ['pack', '--silent', '--pack-destination', place], { cwd: packageRoot })
  const tarball = join(place, packed.stdout.trim().split('\n').at(-1) ?? '')
  await npm('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], { cwd: folder })
  const own = join(folder, 'node_modules', 'flux-runbook')
  const program = join(folder, 'node_modules', '.bin', 'flux-runbook')
  return {
    tarball,
    folder,
    program,
    run: (args, options) => run(program, args, { cwd: folder, ...options }),
    files: () =>
      readdirSync(own, { recursive: true, encoding: 'utf8' })
        .sort()
        .map((name) => [name, statSync(join(own, name)).size, statSync(join(own, name)).mtimeMs].join(' ')),
    remove: () => rmSync(place, { recursive: true, force: true }),
  }
}

function run(program: string, args: readonly string[], options: { cwd: string; env?: Record<string, string> }): Promise<Ran> {
  const { CI: _, FLUX_LAB_HOME: __, ...environment } = process.env
  const child = spawn(program, args, { cwd: options.cwd, env: { ...environment, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => void (said.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => void (said.stderr += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? -1, ...said }))
  })
}
