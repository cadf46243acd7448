/**
 * Closes a run with the line `N passed, N failed`, the last one printed. With CI=true a skipped test counts as failed:
 * there every program that a test drives must be there.
 */

import type { Reporter, TestModule } from 'vitest/node';

export default class ClosingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const isCi = process.env['CI'] === 'true';
    let passed = 0;
    let failed = errors.length;
    const skipped: string[] = [];
    for (const module of modules) {
      if (module.state() === 'failed' && module.children.size === 0) {
        failed += 1;
      }
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') {
          passed += 1;
        } else if (state === 'failed') {
          failed += 1;
        } else {
          skipped.push(test.fullName);
        }
      }
    }
    const lines = skipped.map((name) => `skipped: ${name}\n`);
    if (isCi && skipped.length > 0) {
      failed += skipped.length;
      process.exitCode = 1;
      lines.push('with CI=true a skipped test is a failed one\n');
    }
    // At the end of the process, after the runner's own summary.
    process.once('exit', () => {
      process.stdout.write(`${lines.join('')}\n${passed} passed, ${failed} failed\n`);
    });
  }
}
