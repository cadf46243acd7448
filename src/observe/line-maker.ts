/** Prints lines from the description of their kind. */

import { accessLinePieces } from './access-log.ts';
import { createLineFormat } from './create-line-format.ts';
import { joined, type LinePieces, type LineRecipe, type OfValues } from './line-output.ts';

export function lineMaker(recipe: LineRecipe): OfValues<string> {
  const make = linePieces(recipe);
  return (timeMs, values) => joined(make(timeMs, values));
}

export function linePieces(recipe: LineRecipe): OfValues<LinePieces> {
  if (recipe.kind === 'access') {
    return accessLinePieces(recipe.places);
  }
  const { fixed, format, keys, level, message } = recipe;
  return createLineFormat(format).template(level, message, fixed, keys);
}
