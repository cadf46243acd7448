import { describe, expect, it } from 'vitest';
import { createPasswordGate } from '../../../../src/auth/htpasswd/password-gate.ts';

/** In place of bcrypt: order and number of the comparisons are what is tested here, so they are answered by hand. */
function manualVerifier() {
  const pending: ((isRight: boolean) => void)[] = [];
  let most = 0;
  return {
    pending,
    get most() {
      return most;
    },
    verify: () =>
      new Promise<boolean>((resolve) => {
        pending.push(resolve);
        most = Math.max(most, pending.length);
      }),
  };
}

describe('password gate', () => {
  it('runs so many at once, lets so many wait, and refuses the rest as unavailable', async () => {
    const verifier = manualVerifier();
    const gate = createPasswordGate(verifier, { concurrency: 2, waiting: 3 });
    const answers = ['a', 'b', 'c', 'd', 'e'].map((key) => gate.verify(key, key, 'hash'));
    await expect(gate.verify('f', 'f', 'hash')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(verifier.pending).toHaveLength(2);
    expect(gate.waiting).toBe(3);
    const all = Promise.all(answers);
    for (let done = 0; done < 5; done += 1) {
      verifier.pending.shift()?.(true);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await all).toEqual([true, true, true, true, true]);
    expect(verifier.most).toBe(2);
    expect(gate.waiting).toBe(0);
  });

  it('asks the same question once, and again after it was answered', async () => {
    const verifier = manualVerifier();
    const gate = createPasswordGate(verifier, { concurrency: 1, waiting: 0 });
    const both = [gate.verify('same', 'p', 'h'), gate.verify('same', 'p', 'h')];
    expect(verifier.pending).toHaveLength(1);
    verifier.pending.shift()?.(false);
    expect(await Promise.all(both)).toEqual([false, false]);
    const later = gate.verify('same', 'p', 'h');
    expect(verifier.pending).toHaveLength(1);
    verifier.pending.shift()?.(true);
    expect(await later).toBe(true);
  });

  it('is unavailable while the workers fail, and keeps its places', async () => {
    let isBroken = true;
    const gate = createPasswordGate(
      {
        verify: () => (isBroken ? Promise.reject(new Error('worker died')) : Promise.resolve(true)),
      },
      { concurrency: 1, waiting: 1 },
    );
    for (const key of ['a', 'b', 'c']) {
      await expect(gate.verify(key, 'p', 'h')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    }
    isBroken = false;
    expect(await gate.verify('d', 'p', 'h')).toBe(true);
  });
});
