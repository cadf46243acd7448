/**
 * How much, and for how long, both front ends read and drop of a body that nobody wants before they close its
 * connection. Closing at once would reset the reply on its way; and clients that send all before they read, as Python's
 * do, get it only if most of what they send is taken.
 */

export const lingerBytes: number = 32 * 1024 * 1024;
export const lingerMs = 1_000;
