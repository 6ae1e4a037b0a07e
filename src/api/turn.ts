// Which model is meant.

/**
 * Says which model a question is about. What is asked of a model that is not here any more, or is being answered when
 * another takes its place, rejects with `engine/superseded`; so an answer is always that model's own.
 */
export interface Meant {
  /** `LoadedModel.turn`; left out, it is whichever model is here when the question arrives. */
  readonly turn?: number | undefined;
}
