import { defineConfig } from 'vitest/config'

/** Long tests have their own suffix and command (`npm run test:long`, which is `vitest run --mode long`). */
export default defineConfig(({ mode }) => {
  const long = mode === 'long'
  return {
    test: {
      include: [long ? 'test/**/*.long.ts' : 'test/**/*.test.ts'],
      exclude: ['node_modules/**'],
      // Files that have more to try then (test/setup/variants.ts).
      env: { FERRY_LONG: long ? '1' : '' },
      globalSetup: ['test/setup/install.ts', 'test/setup/page.ts'],
      pool: 'forks',
      // A test's guests live for seconds. Compiling the emulator, and what it compiles, a second time to be fast costs more
      // than that saves: a third to a half of all that `npm test` computes. Long tests run as Ferry does.
      execArgv: long ? [] : ['--liftoff-only'],
      // Guests run on threads of their own: more than two files at once starve each other on two cores.
      maxWorkers: 2,
      // Real guests on a busy machine: a hang is found all the same.
      testTimeout: long ? 1_800_000 : 180_000,
      hookTimeout: 120_000,
      // One second, the default, is less than a busy machine takes to tell that a process has ended.
      expect: { poll: { timeout: 60_000 } },
      reporters: ['default', ['json', { outputFile: long ? 'output/test-long.json' : 'output/test.json' }]],
    },
  }
})
