/** Breaks an arrow on purpose: test/unit/lint-arrows.test.ts expects lint to refuse it. */

import { a } from '../registry/blobs.ts';

export const b: unknown = a;
