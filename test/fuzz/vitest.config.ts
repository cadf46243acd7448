import { defineConfig } from 'vitest/config';

/** By hand, for some minutes: `FUZZ_SECONDS=120 npx vitest run --config test/fuzz/vitest.config.ts`. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/fuzz/**/*.fuzz.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 3_600_000,
    hookTimeout: 120_000,
  },
});
