// Where reading begins.
import { EngineError } from '../../errors.ts';

/** Ids to start from: an empty text starts from the beginning-of-text token. */
export function startingIds(ids: readonly number[], bosTokenId: number | null): readonly number[] {
  if (ids.length > 0) return ids;
  if (bosTokenId !== null) return [bosTokenId];
  throw new EngineError('The text is empty, and this model has no beginning-of-text token.', {
    code: 'tokens/empty',
    hint: 'Type at least one character.',
  });
}
