import { defineConfig } from 'vitest/config'
import { passedFiles } from './passed.ts'

const passed = passedFiles()
if (passed.length > 0) console.log(`passed on this very tree before, and not run again: ${passed.join(', ')}`)

/** The full matrices: hours on two cores. Interrupted, it continues with the files that have not passed on this tree yet. */
export default defineConfig({
  test: {
    name: 'long',
    include: ['test/long/*.test.ts'],
    exclude: passed,
    passWithNoTests: passed.length > 0,
    globalSetup: 'test/lab/prepare.ts',
    maxWorkers: 2,
    testTimeout: 3_600_000,
    hookTimeout: 600_000,
    expect: { poll: { interval: 250, timeout: 60_000 } },
    reporters: ['default', './test/closing-line.ts', './test/long/passed.ts'],
  },
})
