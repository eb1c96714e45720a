import { defineConfig } from 'vitest/config'
import LongestFirst from './test/longest-first.ts'

export default defineConfig({
  test: {
    maxWorkers: '100%', // else one fewer than there are cores, which of two leaves one
    projects: [
      {
        test: {
          name: 'unit',
          globalSetup: 'test/unit/ask-help.ts',
          setupFiles: 'test/unit/what-is-printed.ts',
          include: ['test/unit/**/*.test.ts'],
          isolate: false, // a process for each file takes longer than its tests
          testTimeout: 120_000, // a busy machine is slow
          hookTimeout: 120_000,
          expect: { poll: { timeout: 20_000 } },
        },
      },
      {
        test: {
          name: 'commands', // what works through git or go, and starts them dozens of times
          include: ['test/commands/**/*.test.ts'],
          isolate: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: { poll: { timeout: 20_000 } },
        },
      },
      {
        test: {
          name: 'pulumi',
          include: ['pulumi/*.test.ts'],
          globalSetup: 'pulumi/install.ts',
        },
      },
      {
        test: {
          name: 'lab',
          include: ['test/lab/**/*.test.ts'],
          globalSetup: 'test/lab/prepare.ts',
          // Each file drives clusters of its own and waits for them a third of the time: two cores carry three files at once.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
          testTimeout: 600_000, // a busy machine takes four times as long as a quiet one
          hookTimeout: 600_000,
          expect: { poll: { interval: 250, timeout: 60_000 } },
        },
      },
    ],
    sequence: { sequencer: LongestFirst },
    reporters: ['default', './test/closing-line.ts'],
    coverage: { include: ['lib/**/*.ts'], reporter: ['text-summary'] },
  },
})
