/**
 * Names a test after a clause of distribution-spec 1.1 that binds registries: the endpoint's or code's id as the
 * specification numbers it, a letter of our own for each of its clauses, and the level.
 */

import { test } from 'vitest';

export type Level = 'MUST' | 'MUST NOT' | 'SHOULD' | 'SHOULD NOT';

export function clause(id: string, level: Level, says: string, check: () => Promise<void>): void {
  test(`${id} ${level}: ${says}`, check);
}
