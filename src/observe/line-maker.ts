/** Prints lines from the description of their kind. */

import { accessLineMaker } from './access-log.ts';
import { createLineFormat } from './create-line-format.ts';
import type { LineRecipe, OfValues } from './line-output.ts';

export function lineMaker(recipe: LineRecipe): OfValues<string> {
  if (recipe.kind === 'access') {
    return accessLineMaker();
  }
  const { fixed, format, keys, level, message } = recipe;
  return createLineFormat(format).template(level, message, fixed, keys);
}
