import { defineConfig } from 'vitest/config'

/** Long tests have their own suffix and command (`npm run test:long`, which is `vitest run --mode long`). */
export default defineConfig(({ mode }) => {
  const long = mode === 'long'
  return {
    test: {
      include: [long ? 'test/**/*.long.ts' : 'test/**/*.test.ts'],
      exclude: ['node_modules/**'],
      globalSetup: ['test/setup/install.ts', 'test/setup/page.ts'],
      pool: 'forks',
      // Guests run on threads of their own: more than two files at once starve each other on two cores.
      maxWorkers: 2,
      // Real guests on a busy machine: a hang is found all the same.
      testTimeout: long ? 1_800_000 : 180_000,
      hookTimeout: 120_000,
      // One second, the default, is less than a busy machine takes to tell that a process has ended.
      expect: { poll: { timeout: 30_000 } },
      reporters: ['default', ['json', { outputFile: long ? 'output/test-long.json' : 'output/test.json' }]],
    },
  }
})
