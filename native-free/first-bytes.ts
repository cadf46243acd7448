/**
 * Looks at the first bytes of a connection without using them up, to find out what it speaks.
 * The bytes go back into the socket, so whoever takes it over reads from the start.
 */

import type { Socket } from 'node:net';

/**
 * Calls `judge` with all bytes so far whenever more have come, until it gives an answer.
 *
 * @returns The answer; `undefined` when the client went or said too little within `timeoutMs` (the socket is then
 *          destroyed), or sent more than `limitBytes` without an answer.
 */
export function judgeFirstBytes<T>(
  socket: Socket,
  bounds: { readonly timeoutMs: number; readonly limitBytes: number },
  judge: (bytes: Buffer) => T | undefined,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    let seen: Buffer = Buffer.alloc(0);
    const timer = setTimeout(giveUp, bounds.timeoutMs);

    function onReadable(): void {
      for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
        seen = Buffer.concat([seen, chunk]);
      }
      const answer = seen.length === 0 ? undefined : judge(seen);
      if (answer === undefined) {
        if (seen.length > bounds.limitBytes) giveUp();
        return;
      }
      stop();
      socket.unshift(seen);
      resolve(answer);
    }
    function giveUp(): void {
      stop();
      socket.destroy();
      resolve(undefined);
    }
    function stop(): void {
      clearTimeout(timer);
      socket.removeListener('readable', onReadable);
      socket.removeListener('end', giveUp);
      socket.removeListener('close', giveUp);
      socket.removeListener('error', giveUp);
    }
    socket.on('readable', onReadable);
    socket.once('end', giveUp);
    socket.once('close', giveUp);
    socket.once('error', giveUp);
  });
}
