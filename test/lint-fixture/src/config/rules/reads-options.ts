/** An arrow that is allowed: lint must pass it. */

import { a } from '../../storage/drivers/s3/options.ts';

export const b: unknown = a;
