import { defineConfig } from 'vitest/config'

/** Pulumi's real engine on the lab: apart from `npm test`, for building it takes twenty minutes. */
export default defineConfig({
  test: {
    name: 'pulumi-engine',
    include: ['test/pulumi/*.test.ts'],
    globalSetup: 'test/pulumi/prepare.ts',
    maxWorkers: 1,
    testTimeout: 1_200_000,
    hookTimeout: 1_200_000,
    expect: { poll: { interval: 250, timeout: 60_000 } },
    reporters: ['default', './test/closing-line.ts'],
  },
})
