/** Ends a run on signals, and only after what it started and stored is gone. */

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Fires at the first signal, also that of a terminal that is closed, or when nobody takes what is printed any more. Later
 * signals change nothing: the run is ending, and what they would leave behind is a running registry and gigabytes.
 */
export function stopSignal(): AbortSignal {
  const stopped = new AbortController();
  const stop = (why: string): void => {
    if (!stopped.signal.aborted) {
      stopped.abort(new Error(why));
    }
  };
  for (const name of signals) {
    process.on(name, () => stop(`ended by ${name}`));
  }
  process.stdout.on('error', () => stop('nobody takes the output'));
  // Its reader is mostly the same; what is told there is not worth a crash.
  process.stderr.on('error', () => undefined);
  return stopped.signal;
}
