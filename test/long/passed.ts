import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Reporter, TestCase, TestModule } from 'vitest/node'
import { projectRoot } from '../../lib/base/paths.ts'

/** The test files that have passed on the tree as it is now, by their paths from its root. */
export function passedFiles(): string[] {
  const record = recordFile()
  return existsSync(record) ? readFileSync(record, 'utf8').trim().split('\n') : []
}

/** The names of the single tests that have passed on it, for a file that takes hours by itself. */
export function passedTests(): ReadonlySet<string> {
  const record = `${recordFile()}-tests`
  return new Set(existsSync(record) ? readFileSync(record, 'utf8').split('\n') : [])
}

/** That each test has all of its cases, and each file all of its tests: no variable chooses among them. */
const isWholeTest = process.env.ENDINGS_STEPS === undefined
const isWholeFile = isWholeTest && process.env.SEQUENCES === undefined

/** Remembers each test and each test file that passes, so that a run that was interrupted need not begin again. */
export default class RememberPassed implements Reporter {
  onTestCaseResult(test: TestCase): void {
    if (test.result().state === 'passed' && isWholeTest) note(`${recordFile()}-tests`, test.name)
  }

  /** A file of which only some tests were run has not passed. */
  onTestModuleEnd(module: TestModule): void {
    const hasPassed = [...module.children.allTests()].every((test) => test.result().state === 'passed')
    if (module.state() === 'passed' && hasPassed && isWholeFile) note(recordFile(), relative(projectRoot, module.moduleId))
  }
}

function note(record: string, line: string): void {
  mkdirSync(dirname(record), { recursive: true })
  appendFileSync(record, `${line}\n`)
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
