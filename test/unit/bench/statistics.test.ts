import { describe, expect, it } from 'vitest';
import { median, quantile, ratioOf, spreadOf } from '../../../bench/figures/statistics.ts';

describe('statistics', () => {
  it('finds quantiles between values, whatever their order', () => {
    expect(median([10, 2, 9])).toBe(9);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(quantile([0, 10], 0.99)).toBeCloseTo(9.9);
    expect(quantile([7], 0.99)).toBe(7);
    expect(quantile([], 0.5)).toBeNaN();
  });

  it('leaves the list as it was', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it('tells the spread as half the distance of the ends', () => {
    expect(spreadOf([90, 100, 110])).toEqual({ median: 100, low: 90, high: 110, relative: 0.1 });
    expect(spreadOf([0, 0]).relative).toBe(0);
  });

  it('pairs the runs that were taken one after the other', () => {
    // The machine was half as fast in the second pair: the ratio is the same all along.
    expect(ratioOf([100, 50, 100], [10, 5, 10])).toMatchObject({ median: 10, low: 10, high: 10 });
    expect(ratioOf([100, 80], [10, 20])).toMatchObject({ low: 4, high: 10 });
  });

  it('passes over runs without a partner', () => {
    expect(ratioOf([100, 90], [10])).toMatchObject({ low: 9.5, high: 10 });
    expect(ratioOf([100], [0, 50])).toMatchObject({ median: 4 });
  });
});
