/** Waits for work, but no longer than somebody's patience. */

/** Resolves when `work` is done, or after `patienceMs`; work goes on then. Rejects as `work` does before. */
export async function within(patienceMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  try {
    await Promise.race([work, patience]);
  } finally {
    clearTimeout(timer);
  }
}
