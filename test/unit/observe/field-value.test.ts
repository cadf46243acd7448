import { describe, expect, it } from 'vitest';
import { CodedError } from '../../../src/errors.ts';
import { errorChainText, printableValue } from '../../../src/observe/field-value.ts';
import { Secret } from '../../../src/options/secret.ts';

describe('errorChainText', () => {
  it('joins an error with its causes, outermost first', () => {
    const socket = new Error('connect ECONNREFUSED 127.0.0.1:6379');
    const cache = new CodedError('UNAVAILABLE', 'cache lookup failed', { cause: socket });
    expect(errorChainText(cache)).toBe('cache lookup failed: connect ECONNREFUSED 127.0.0.1:6379');
  });

  it('does not repeat a cause that its wrapper quotes', () => {
    const inner = new Error('disk full');
    expect(errorChainText(new Error('write: disk full', { cause: inner }))).toBe(
      'write: disk full',
    );
  });

  it('ends for a cause that is its own cause', () => {
    const error = new Error('loop');
    error.cause = error;
    expect(errorChainText(error)).toBe('loop');
  });

  it('lists what an AggregateError gathered', () => {
    const both = new AggregateError([new Error('v4 refused'), new Error('v6 refused')], 'connect');
    expect(errorChainText(both)).toBe('connect (v4 refused; v6 refused)');
  });

  it('prints causes that are no errors', () => {
    expect(errorChainText(new Error('a', { cause: 'plain text' }))).toBe('a: plain text');
    expect(errorChainText(new Error('a', { cause: { b: 1 } }))).toBe('a: {"b":1}');
  });
});

describe('printableValue', () => {
  it('masks secrets at any depth', () => {
    const secret = new Secret('hunter2');
    expect(printableValue(secret)).toBe('***');
    expect(printableValue({ nested: [{ password: secret }] })).toEqual({
      json: '{"nested":[{"password":"***"}]}',
    });
  });

  it('keeps JSON safe whatever it is given', () => {
    const circular: Record<string, unknown> = { name: 'a', twice: [1] };
    circular['self'] = circular;
    const shared = { x: 1 };
    expect(printableValue(circular)).toEqual({
      json: '{"name":"a","twice":[1],"self":"<circular>"}',
    });
    expect(printableValue({ a: shared, b: shared })).toEqual({ json: '{"a":{"x":1},"b":{"x":1}}' });
    expect(printableValue({ big: 2n, error: new Error('no') })).toEqual({
      json: '{"big":"2","error":"no"}',
    });
    expect(printableValue(new Map([['k', new Set([1])]]))).toEqual({ json: '{"k":[1]}' });
    expect(printableValue(Number.NaN)).toBe('NaN');
    expect(printableValue(new Date(0))).toBe('1970-01-01T00:00:00.000Z');
    expect(printableValue(new Uint8Array(5))).toBe('<5 bytes>');
    expect(printableValue(undefined)).toBeUndefined();
    expect(printableValue(() => 1)).toBeUndefined();
  });

  it('survives a getter that throws', () => {
    const trap = {
      get broken(): never {
        throw new Error('trap');
      },
    };
    expect(printableValue(trap)).toBe('<unprintable>');
  });

  it('bounds the length of a value', () => {
    expect((printableValue('x'.repeat(100_000)) as string).length).toBeLessThan(17_000);
    expect((printableValue(['x'.repeat(100_000)]) as string).length).toBeLessThan(17_000);
  });
});
