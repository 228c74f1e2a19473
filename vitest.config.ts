import { defineConfig } from 'vitest/config'

// Two cores: trainings that share them run one file at a time; pure tests may run side by side.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'packages/*/test/**/*.test.ts'],
    globalSetup: ['test/setup/global.ts'],
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
})
