/**
 * CPU profiles and heap snapshots of the running process, in the formats that Chrome DevTools reads; what pprof is
 * to a Go program. Called by the debug server. Both weigh on the main thread, so one of them runs at a time.
 */

import { Session } from 'node:inspector';
import type { Readable } from 'node:stream';
import { getHeapSnapshot } from 'node:v8';
import { CodedError } from '../errors.ts';

export const longestProfileSeconds = 60;

export class Profiles {
  #isBusy = false;

  /**
   * Samples the main thread. Ends early, with what there is so far, when the signal fires.
   *
   * @returns JSON of a `.cpuprofile` file.
   * @throws CodedError `PROFILE_BUSY`
   */
  async cpu(seconds: number, signal: AbortSignal): Promise<string> {
    this.#claim();
    const session = new Session();
    try {
      session.connect();
      await post(session, 'Profiler.enable');
      await post(session, 'Profiler.start');
      await pause(seconds * 1000, signal);
      const { profile } = (await post(session, 'Profiler.stop')) as { profile: object };
      return JSON.stringify(profile);
    } finally {
      session.disconnect();
      this.#isBusy = false;
    }
  }

  /**
   * The whole heap. The process stands still while V8 writes it down and needs as much
   * memory again. Read or destroy the stream; until then no other profile starts.
   *
   * @returns Text of a `.heapsnapshot` file.
   * @throws CodedError `PROFILE_BUSY`
   */
  heap(): Readable {
    this.#claim();
    try {
      const snapshot = getHeapSnapshot();
      snapshot.once('close', () => {
        this.#isBusy = false;
      });
      return snapshot;
    } catch (error) {
      this.#isBusy = false;
      throw error;
    }
  }

  #claim(): void {
    if (this.#isBusy) {
      throw new CodedError('PROFILE_BUSY', 'another profile is being taken');
    }
    this.#isBusy = true;
  }
}

function post(session: Session, method: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    session.post(method, (error, result) => {
      if (error === null) {
        resolve(result);
      } else {
        reject(error);
      }
    });
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
