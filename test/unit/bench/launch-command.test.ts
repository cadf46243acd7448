import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { launchCommand } from '../../../bench/support/launch-command.ts';

describe('how benches start our server', () => {
  it('as operators do, by the script', () => {
    const command = launchCommand();
    expect(command).toEqual([expect.stringMatching(/\/src\/longshore\.sh$/)]);
    expect(existsSync(command[0])).toBe(true);
  });

  it('by node where it is given flags', () => {
    const [program, ...args] = launchCommand(['--cpu-prof', '--cpu-prof-dir=/somewhere']);
    expect(program).toBe(process.execPath);
    expect(args.slice(0, 2)).toEqual(['--cpu-prof', '--cpu-prof-dir=/somewhere']);
    expect(args[2]).toMatch(/\/dist\/src\/launch\.cjs$/);
    expect(existsSync(args[2] ?? '')).toBe(true);
  });
});
