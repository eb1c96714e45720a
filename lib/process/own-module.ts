import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isInstalledCommand, packageRoot } from '../base/paths.ts'

/** Where one of the project's modules is, as `scripts/lab.ts`; the installed command has them as JavaScript, all in one folder. */
export function moduleFile(path: string, root = packageRoot): string {
  return isInstalledCommand ? join(packageRoot, 'dist', `${basename(path, '.ts')}.js`) : join(root, path)
}

/** The words that run one of the project's modules in a process of its own. */
export function nodeCall(path: string): string[] {
  if (isInstalledCommand) return [process.execPath, moduleFile(path)]
  // Node before 22.18 cannot run TypeScript by itself.
  return [process.execPath, `--import=${pathToFileURL(moduleFile('lib/loader/run-typescript.mjs')).href}`, moduleFile(path)]
}

/** The words that run one of the commands as a person would who types it. */
export function commandCall(script: string, args: readonly string[]): string[] {
  return isInstalledCommand
    ? [process.execPath, moduleFile('flux-runbook.ts'), script, ...args]
    : ['npx', 'zx', `scripts/${script}.ts`, ...args]
}

/** The same without npx and zx: one process, which signals reach. */
export function directCall(script: string, args: readonly string[]): string[] {
  return isInstalledCommand ? commandCall(script, args) : [...nodeCall(`scripts/${script}.ts`), ...args]
}
