import { describe, expect, it } from 'vitest';
import { parseSize } from '../../../bench/figures/parse-size.ts';
import { planFor, planText, pushCost } from '../../../bench/figures/plan.ts';
import type { Results } from '../../../bench/figures/results.ts';
import { aCase, aResults } from './a-results.ts';

const gib = 1024 ** 3;
const kib64 = 64 * 1024;

/** Ours: 1 s a GiB, and 7 ms beside its bytes for an image of seven objects. Theirs: twice that. */
function measured(): Results {
  const imageBytes = 100 * 5 * kib64;
  const bytesSeconds = imageBytes / gib;
  const images = aCase({ ours: [100], theirs: [100] }, {}, { bytes: imageBytes });
  const large = aCase({ ours: [1024], theirs: [1024] }, { profile: 'c' }, { bytes: gib });
  const withCpu = (of: typeof images, cpus: readonly number[]): typeof images => ({
    ...of,
    servers: of.servers.map((server, index) => ({
      ...server,
      runs: server.runs.map((run) => ({ ...run, cpuSeconds: cpus[index] ?? 0 })),
    })),
  });
  return aResults([
    withCpu(images, [0.7 + bytesSeconds, 1.4 + 2 * bytesSeconds]),
    withCpu(large, [1, 2]),
  ]);
}

describe('plan', () => {
  it('splits the cost of a push into objects and bytes', () => {
    expect(pushCost(measured(), 'ours')?.secondsPerObject).toBeCloseTo(0.001);
    expect(pushCost(measured(), 'ours')?.secondsPerByte).toBeCloseTo(1 / gib);
  });

  it('gives back the measured cost for the image that was measured', () => {
    const [ours] = planFor(measured(), { pushesPerSecond: 10, layers: 5, layerBytes: kib64 });
    expect(ours?.cpuSecondsPerImage).toBeCloseTo(0.007 + (5 * kib64) / gib);
  });

  it('counts cores at the share they are to be filled to', () => {
    const load = { pushesPerSecond: 10, layers: 8, layerBytes: gib / 8 };
    const cores = planFor(measured(), load, 0.5).map((plan) => plan.cores);
    expect(cores[0]).toBeCloseTo((10 * (0.01 + 1)) / 0.5);
    expect(cores[1]).toBeCloseTo((10 * 2 * (0.01 + 1)) / 0.5);
  });

  it('never takes a fixed cost below nothing', () => {
    const results = aResults([
      aCase({ ours: [1], theirs: [1] }, {}, { bytes: gib, cpuSeconds: 0.1 }),
      aCase({ ours: [1], theirs: [1] }, { profile: 'd' }, { bytes: gib, cpuSeconds: 1 }),
    ]);
    expect(pushCost(results, 'ours')?.secondsPerObject).toBe(0);
  });

  it('says which profiles it lacks instead of guessing', () => {
    const images = aResults([aCase({ ours: [1], theirs: [1] })]);
    expect(planFor(images, { pushesPerSecond: 1, layers: 1, layerBytes: 1 })).toEqual([]);
    expect(planText(images)).toContain('profiles a and c (or d) are needed');
  });

  it('prints a load, its cores and what storage must take', () => {
    const text = planText(measured(), [{ pushesPerSecond: 16, layers: 5, layerBytes: kib64 }]);
    expect(text).toContain('16 pushes/s of images of 5 x 64.0 KiB need: ours ');
    expect(text).toContain('storage takes 5.00 MiB/s and 112 synced objects/s');
  });
});

describe('size', () => {
  it('reads bytes, KiB, MiB and GiB', () => {
    expect(['512', '64KiB', '4 MiB', '1.5GiB'].map(parseSize)).toEqual([
      512,
      kib64,
      4 * 1024 ** 2,
      1.5 * gib,
    ]);
  });

  it('refuses what it does not know', () => {
    for (const text of ['', '64kb', '-1', 'MiB', '1 2KiB']) {
      expect(() => parseSize(text), text).toThrow(RangeError);
    }
  });
});
