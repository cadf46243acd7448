import { describe, expect, it } from 'vitest';
import { skewed } from '../../../bench/profiles/g-mix.ts';
import { sizeName } from '../../../bench/profiles/layers.ts';
import { profiles } from '../../../bench/profiles/table.ts';
import { fileSystemOf } from '../../../bench/suite/machine.ts';
import { helpText, parseOptions } from '../../../bench/suite/options.ts';
import { ticksIn } from '../../../bench/suite/process-usage.ts';
import { fillIn, parsePeer } from '../../../bench/suite/servers.ts';

describe('options of the suite', () => {
  it('runs all profiles against docker-registry when nothing is said', () => {
    const options = parseOptions([]);
    expect(options?.profiles).toHaveLength(11);
    expect(options?.peers.map(({ name }) => name)).toEqual(['longshore', 'docker-registry']);
  });

  it('takes profiles as a list, and further peers', () => {
    const options = parseOptions(['--profile', 'a,c', '--peer', 'other=other --port {port}']);
    expect(options?.profiles.map(({ id }) => id)).toEqual(['a', 'c']);
    expect(options?.peers[2]).toEqual({ name: 'other', command: 'other --port {port}' });
  });

  it('refuses what makes no sense, with the words that would', () => {
    expect(() => parseOptions(['--profile', 'z'])).toThrow(/no profile z: there are a, b/);
    expect(() => parseOptions(['--runs', '1.5'])).toThrow(/--runs wants a whole number/);
    expect(() => parseOptions(['--seconds', '0'])).toThrow(/--seconds/);
    expect(() => parseOptions(['--rate-client', 'ab'])).toThrow(/autocannon, lean/);
    expect(() => parseOptions(['--peer', 'longshore=x'])).toThrow(/same name/);
  });

  it('names every profile and its time in the help', () => {
    expect(parseOptions(['--help'])).toBeUndefined();
    for (const { id, title } of profiles) {
      expect(helpText()).toMatch(new RegExp(`  ${id}  about \\d+\\.\\d min  `));
      expect(helpText()).toContain(title);
    }
  });
});

describe('a peer', () => {
  it('keeps equals signs of its command', () => {
    expect(parsePeer('zot=zot serve --a=b')).toEqual({ name: 'zot', command: 'zot serve --a=b' });
    for (const text of ['zot', '=x', 'a b=c', 'zot=']) {
      expect(() => parsePeer(text), text).toThrow(RangeError);
    }
  });

  it('has its placeholders filled, quoted where the shell would split them', () => {
    expect(fillIn('x {port} {root} {other}', { port: '1', root: `/a b/it's` })).toBe(
      `x 1 '/a b/it'\\''s' {other}`,
    );
  });
});

describe('facts of the machine', () => {
  it('finds the file system by the longest mount above the root', () => {
    const mounts = 'a / ext4 rw 0 0\nb /data xfs rw 0 0\nc /data/fast tmpfs rw 0 0\n';
    expect(fileSystemOf('/data/fast/x', mounts)).toBe('tmpfs on c');
    expect(fileSystemOf('/data/faster', mounts)).toBe('xfs on b');
    expect(fileSystemOf('/database', mounts)).toBe('ext4 on a');
  });

  it('reads CPU ticks behind a name with spaces and brackets', () => {
    const stat = '7 (a ) b) S 1 1 1 0 -1 4194304 100 0 0 0 250 50 3 4 20 0 11 0 100';
    expect(ticksIn(stat)).toBe(307);
  });
});

describe('loads', () => {
  it('draw every image, the first far more often than the last', () => {
    const drawn = Array.from({ length: 1000 }, (_, index) => skewed(index / 1000, 50));
    expect(new Set(drawn).size).toBe(50);
    const share = (wanted: number): number => drawn.filter((each) => each === wanted).length;
    expect(share(0)).toBeGreaterThan(10 * share(49));
    expect(skewed(0.999999, 3)).toBe(2);
  });

  it('name sizes in the largest whole unit', () => {
    expect([32, 65536, 5 * 1024 ** 2, 1024 ** 3, 1536].map(sizeName)).toEqual([
      '32 B',
      '64 KiB',
      '5 MiB',
      '1 GiB',
      '1536 B',
    ]);
  });
});
