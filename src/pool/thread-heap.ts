/** How much heap threads get. */

/** What a thread makes is soon done with (messages, promises): more room would only hold garbage, for each thread. */
export const youngHeapMb = 6;
