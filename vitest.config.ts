import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        test: {
          name: 'lab',
          include: ['test/lab/**/*.test.ts'],
          // Each file drives clusters of its own; two cores carry one at a time.
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 1_800_000,
        },
      },
    ],
    reporters: ['default', './test/closing-line.ts'],
    coverage: { include: ['lib/**/*.ts'], reporter: ['text-summary'] },
  },
})
