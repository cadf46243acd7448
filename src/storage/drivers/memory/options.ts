/** Schema of `storage.inmemory`: it takes no parameters. */

import type { Static } from 'typebox';
import { Type } from '../../../options/types.ts';

export const memoryOptions = Type.Object(
  {},
  { description: 'Memory, for tests only; takes no parameters.' },
);
export type MemoryOptions = Static<typeof memoryOptions>;
