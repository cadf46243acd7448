/** Where the workers' entry files are. */

import { threadFile } from '../thread-file.ts';

export const workerEntryUrl: URL = threadFile('../worker/entry', import.meta.url);
export const passwordEntryUrl: URL = threadFile('../worker/bcrypt-job', import.meta.url);
