/**
 * What the pool's threads run: a switch over jobs. Returns facts and errors as values; logs nothing.
 */

import {
  appendUpload,
  digestFile,
  hashFurther,
  publishUpload,
  putWhole,
} from '../storage/append-upload.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { openPortableDriver } from '../storage/drivers/table.ts';
import { failure } from './failure.ts';
import { tellLoaded } from './loaded.ts';
import { portSource } from './port-source.ts';
import type {
  AppendJob,
  DigestJob,
  DriverSpec,
  HashFurtherJob,
  JobValues,
  PublishJob,
  PutJob,
  WorkerJob,
  WorkerResult,
} from './protocol.ts';
import { serveStorage } from './serve-storage.ts';

/** One driver per spec and thread, made at its first job. */
const drivers: Map<string, Promise<StorageDriver>> = new Map();

function driverOf(spec: DriverSpec): Promise<StorageDriver> {
  const key = JSON.stringify(spec);
  let driver = drivers.get(key);
  if (driver === undefined) {
    driver = openPortableDriver(spec);
    // A driver that cannot be made is tried again by the next job.
    driver.catch(() => drivers.delete(key));
    drivers.set(key, driver);
  }
  return driver;
}

async function append(job: AppendJob): Promise<JobValues['append']> {
  const source = portSource(job.port);
  try {
    const { failure: _, ...outcome } = await appendUpload(
      await driverOf(job.driver),
      job.request,
      source,
    );
    return outcome;
  } finally {
    source.cancel();
    job.port.close();
  }
}

async function put(job: PutJob): Promise<JobValues['put']> {
  const source = portSource(job.port);
  try {
    const { failure: _, ...outcome } = await putWhole(
      await driverOf(job.driver),
      job.request,
      source,
    );
    return outcome;
  } finally {
    source.cancel();
    job.port.close();
  }
}

async function digest(job: DigestJob): Promise<JobValues['digest']> {
  return digestFile(await driverOf(job.driver), job.path, job.algorithms, job.bytesPerSecond);
}

async function further(job: HashFurtherJob): Promise<JobValues['hashFurther']> {
  return hashFurther(await driverOf(job.driver), job.request);
}

async function publish(job: PublishJob): Promise<undefined> {
  await publishUpload(await driverOf(job.driver), job.from, job.to);
  return undefined;
}

function run(job: WorkerJob): Promise<JobValues[keyof JobValues]> {
  switch (job.kind) {
    case 'append':
      return append(job);
    case 'digest':
      return digest(job);
    case 'hashFurther':
      return further(job);
    case 'put':
      return put(job);
    case 'publish':
      return publish(job);
    case 'serve':
      return serveStorage(driverOf(job.driver), job.port);
  }
}

export default async function work(
  job: WorkerJob,
): Promise<WorkerResult<JobValues[keyof JobValues]>> {
  try {
    return { ok: true, value: await run(job) };
  } catch (error) {
    return failure(error);
  }
}

tellLoaded();
