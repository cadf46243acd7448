/** Messages between the suite and its load process; both sides answer in order, one question at a time. */

import type { Scale, Unit } from '../profiles/profile.ts';
import type { Measurement } from './measurement.ts';
import type { RateClient } from './request-rate.ts';

export type Question =
  | {
      readonly ask: 'open';
      readonly server: string;
      readonly profile: string;
      readonly port: number;
      readonly pid: number;
      readonly scale: Scale;
      readonly rateClient: RateClient;
    }
  | {
      /** Before and after each run of a case. */
      readonly ask: 'prepare' | 'end';
      readonly server: string;
      readonly caseName: string;
    }
  | {
      readonly ask: 'run';
      readonly server: string;
      readonly caseName: string;
      readonly seconds: number;
    };

export interface CaseName {
  readonly name: string;
  readonly unit: Unit;
}

export type Answer =
  | { readonly cases: readonly CaseName[] }
  | { readonly measurement: Measurement }
  | { readonly isDone: true }
  | { readonly error: string };
