/**
 * A client that costs next to nothing: uploads one block of memory again and again over a bare socket, with a tail that
 * tells the blobs apart. POST, one streamed PATCH, PUT, as docker does.
 */

import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';

export interface BlobContent {
  readonly sizeBytes: number;
  readonly digest: string;
  /** Sent in this order; views of one block. */
  pieces(): Iterable<Buffer>;
}

/** Makes blobs of `repeats` blocks and 8 bytes that hold `tag`; the common part is hashed once. */
export function blobMaker(block: Buffer, repeats: number): (tag: number) => BlobContent {
  const common: Hash = createHash('sha256');
  for (let n = 0; n < repeats; n += 1) {
    common.update(block);
  }
  return (tag) => {
    const tail = Buffer.alloc(8);
    tail.writeBigUInt64BE(BigInt(tag));
    return {
      sizeBytes: block.length * repeats + tail.length,
      digest: `sha256:${common.copy().update(tail).digest('hex')}`,
      *pieces() {
        for (let n = 0; n < repeats; n += 1) {
          yield block;
        }
        yield tail;
      },
    };
  };
}

interface Answer {
  readonly status: number;
  readonly location: string;
}

/** @throws Error with the status of the first answer that is not what it should be */
export async function uploadBlob(port: number, name: string, blob: BlobContent): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  try {
    await once(socket, 'connect');
    const begun = await ask(socket, `POST /v2/${name}/blobs/uploads/`, 0, 202);
    const size = blob.sizeBytes;
    const sent = await ask(socket, `PATCH ${begun.location}`, size, 202, blob.pieces());
    const query = `${sent.location.includes('?') ? '&' : '?'}digest=${blob.digest}`;
    await ask(socket, `PUT ${sent.location}${query}`, 0, 201);
  } finally {
    socket.destroy();
  }
}

async function ask(
  socket: Socket,
  line: string,
  sizeBytes: number,
  wanted: number,
  body: Iterable<Buffer> = [],
): Promise<Answer> {
  const answer = nextAnswer(socket);
  // Told below, when it is awaited.
  answer.catch(() => {});
  const type = 'Content-Type: application/octet-stream';
  socket.write(
    `${line} HTTP/1.1\r\nHost: bench\r\n${type}\r\nContent-Length: ${sizeBytes}\r\n\r\n`,
  );
  for (const piece of body) {
    if (!socket.write(piece)) {
      await Promise.race([once(socket, 'drain'), answer]);
    }
  }
  const { status, location } = await answer;
  if (status !== wanted) {
    throw new Error(`${line.slice(0, 60)}: ${status}`);
  }
  return { status, location: location.replace(/^http:\/\/[^/]+/, '') };
}

function nextAnswer(socket: Socket): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let text = '';
    const done = (settle: () => void): void => {
      socket.off('data', look);
      socket.off('close', closed);
      socket.off('error', closed);
      settle();
    };
    const look = (data: Buffer): void => {
      text += data.toString('latin1');
      if (text.includes('\r\n\r\n')) {
        const location = /\r\nlocation: (\S+)/i.exec(text)?.[1] ?? '';
        done(() => resolve({ status: Number(text.slice(9, 12)), location }));
      }
    };
    const closed = (): void => done(() => reject(new Error(`closed: ${text.slice(0, 100)}`)));
    socket.on('data', look);
    socket.on('close', closed);
    socket.on('error', closed);
  });
}

/** The most memory that a process ever had resident, in MiB. */
export async function peakMemoryMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}
