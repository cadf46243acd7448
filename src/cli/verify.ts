/** `longshore verify`: checks all stored data, prints what it finds as it goes. */

import { verifyStorage } from '../registry/verify.ts';
import type { Finding, VerifyCounts } from '../registry/verify-report.ts';
import { ExitCode, usage } from './usage.ts';
import { withStorage } from './with-storage.ts';

export interface VerifyRequest {
  readonly path: string | undefined;
  readonly repair: boolean;
  readonly json: boolean;
  /** Bytes a second, as given. */
  readonly rate?: string;
}

/** What a disk that also serves pulls can spare. */
const defaultBytesPerSecond = 64 * 1024 * 1024;

export async function verify(request: VerifyRequest): Promise<number> {
  const rate = request.rate ?? String(defaultBytesPerSecond);
  if (!/^\d{1,15}$/.test(rate)) {
    process.stderr.write(`longshore: --rate takes a number of bytes, not "${rate}"\n\n${usage}`);
    return ExitCode.failed;
  }
  const print = request.json ? jsonPrinter() : textPrinter();
  return withStorage({
    path: request.path,
    withWorkers: true,
    purpose: 'verify',
    async run(context, config): Promise<number> {
      const options = {
        repair: request.repair,
        bytesPerSecond: rate === '0' ? undefined : Number(rate),
        uploadAgeMs: config.storage.maintenance.uploadpurging.age,
      };
      const counts = await verifyStorage(context, options, print.finding);
      print.end(counts);
      return counts.findings === 0 ? ExitCode.ok : ExitCode.failed;
    },
  });
}

interface Printer {
  finding(finding: Finding): void;
  end(counts: VerifyCounts): void;
}

function textPrinter(): Printer {
  return {
    finding({ kind, path, digest, tag, detail, repaired }): void {
      const about = digest ?? tag;
      const subject = about === undefined ? '' : ` ${about}:`;
      const done = repaired === undefined ? '' : ` (${repaired})`;
      process.stdout.write(`${kind}: ${path}:${subject} ${detail}${done}\n`);
    },
    end(counts): void {
      process.stdout.write(
        `${counts.blobs} blobs (${counts.bytes} bytes), ${counts.repositories} repositories, ${counts.links} links, ${counts.manifests} manifests, ${counts.tags} tags, ${counts.uploads} uploads checked: ${counts.findings} findings, ${counts.repaired} repaired\n`,
      );
    },
  };
}

/** `{"findings":[…],"summary":{…}}`, a finding a line, written as they come. */
function jsonPrinter(): Printer {
  let separator = '{"findings":[\n';
  return {
    finding(finding): void {
      process.stdout.write(separator + JSON.stringify(finding));
      separator = ',\n';
    },
    end(counts): void {
      const head = separator === ',\n' ? '\n' : separator;
      process.stdout.write(`${head}],"summary":${JSON.stringify(counts)}}\n`);
    },
  };
}
