/** What is under way, by number. */

import { expect, it } from 'vitest';
import { Slots } from '../../src/slots.ts';
import { collect, oldBytes } from '../support/old-heap.ts';

const thing = (name: string): { name: string } => ({ name });

it('gives each thing back once, by its number', () => {
  const slots = new Slots<{ name: string }>();
  const a = slots.add(thing('a'));
  const b = slots.add(thing('b'));
  expect(slots.size).toBe(2);
  expect(slots.take(a)).toEqual({ name: 'a' });
  expect(slots.take(a)).toBeUndefined();
  expect(slots.take(b)).toEqual({ name: 'b' });
  expect(slots.size).toBe(0);
});

it('never gives a number again, however often its place is taken', () => {
  const slots = new Slots<{ name: string }>();
  const numbers = Array.from({ length: 1000 }, (_, turn) => {
    const number = slots.add(thing(`${turn}`));
    slots.take(number);
    return number;
  });
  expect(new Set(numbers).size).toBe(1000);
  const last = slots.add(thing('last'));
  for (const number of numbers) {
    expect(slots.take(number)).toBeUndefined();
  }
  expect(slots.take(last)).toEqual({ name: 'last' });
});

it('knows nothing of numbers that it never gave', () => {
  const slots = new Slots<{ name: string }>();
  slots.add(thing('a'));
  for (const number of [1, 2 ** 20, 2 ** 20 + 1, -1, 0.5, Number.NaN]) {
    expect(slots.take(number)).toBeUndefined();
  }
});

it('lists what is there, also while some of it is taken', () => {
  const slots = new Slots<{ name: string }>();
  const numbers = ['a', 'b', 'c'].map((name) => slots.add(thing(name)));
  slots.take(numbers[1] ?? -1);
  expect(slots.values()).toEqual([{ name: 'a' }, { name: 'c' }]);
  expect(slots.entries()).toEqual([
    [numbers[0], { name: 'a' }],
    [numbers[2], { name: 'c' }],
  ]);
  for (const [number, { name }] of slots.entries()) {
    expect(slots.take(number)).toEqual({ name });
  }
  expect(slots.values()).toEqual([]);
});

it('holds a million things and refuses the next', () => {
  const slots = new Slots<object>();
  const one = {};
  for (let count = 0; count < 2 ** 20; count += 1) {
    slots.add(one);
  }
  expect(() => slots.add(one)).toThrow(RangeError);
  expect(slots.size).toBe(2 ** 20);
});

it('leaves what is gone to the next small collection', () => {
  const slots = new Slots<{ bytes: number[] }>();
  const underWay: number[] = [];
  const churn = (times: number): void => {
    for (let count = 0; count < times; count += 1) {
      underWay.push(slots.add({ bytes: new Array(20).fill(count) }));
      if (underWay.length > 64) {
        slots.take(underWay.shift() ?? -1);
      }
    }
  };
  churn(1000);
  collect();
  const before = oldBytes();
  // Some 40 MB; with a Map 16 MB of them lay there in the end.
  churn(200_000);
  expect(oldBytes() - before).toBeLessThan(8e6);
});
