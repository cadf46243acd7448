/**
 * bcrypt off the main thread, and apart from uploads: one comparison holds a thread for some 70 ms. Fits auth's
 * PasswordVerifier, which bounds how many wait.
 */

import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { CodedError } from '../errors.ts';
import { passwordEntryUrl } from './entry-url.ts';
import { ThreadLoading } from './thread-loading.ts';

/** Threads end when nobody logged in for so long. */
const idleMs = 60_000;
const maxThreads = 2;

export class PasswordPool {
  #piscina: Piscina | undefined;
  #loading: ThreadLoading | undefined;

  async verify(password: string, hash: string): Promise<boolean> {
    // Made at the first login: most registries never see a password.
    this.#piscina ??= this.#makeThreads();
    try {
      return (await this.#piscina.run({ password, hash }, { name: 'verifyPassword' })) as boolean;
    } catch (error) {
      throw new CodedError('UNAVAILABLE', 'service unavailable', { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#loading?.done(0);
    await this.#piscina?.destroy();
  }

  #makeThreads(): Piscina {
    const piscina = new Piscina({
      filename: fileURLToPath(passwordEntryUrl),
      minThreads: 0,
      maxThreads,
      idleTimeout: idleMs,
      recordTiming: false,
    });
    this.#loading = new ThreadLoading(piscina);
    return piscina;
  }
}
