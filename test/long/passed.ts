import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'
import { projectRoot } from '../../lib/base/paths.ts'

/** The test files that have passed on the tree as it is now, by their paths from its root. */
export function passedFiles(): string[] {
  const record = recordFile()
  return existsSync(record) ? readFileSync(record, 'utf8').trim().split('\n') : []
}

/** Remembers each test file that passes, so that a run that was interrupted need not begin again. */
export default class RememberPassed implements Reporter {
  onTestModuleEnd(module: TestModule): void {
    if (module.state() !== 'passed') return
    const record = recordFile()
    mkdirSync(dirname(record), { recursive: true })
    appendFileSync(record, `${relative(projectRoot, module.moduleId)}\n`)
  }
}

/** One file for each tree: what has changed is tested again. */
function recordFile(): string {
  return join(projectRoot, 'node_modules', '.cache', 'test-long', currentTree())
}

/** Git's name for the tree with everything that is not ignored, committed or not. */
function currentTree(): string {
  const index = join(projectRoot, 'node_modules', '.cache', `index-${process.pid}`)
  mkdirSync(dirname(index), { recursive: true })
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-C', projectRoot, ...args], { encoding: 'utf8', env: { ...process.env, GIT_INDEX_FILE: index } }).trim()
  try {
    git('read-tree', 'HEAD')
    git('add', '--all')
    return git('write-tree')
  } finally {
    rmSync(index, { force: true })
  }
}
