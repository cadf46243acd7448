/** The one reaction to a token that is not accepted. Its message is for the log; clients see `error=` only. */

import { CodedError } from '../../errors.ts';

export class TokenRefused extends CodedError {
  /** @param reason  Which check failed; names no part of the token but ids. */
  constructor(reason: string, options: { cause?: unknown } = {}) {
    super('TOKEN_REFUSED', reason, options);
  }
}
