// What can be asked without a model: what there is to load, and what is kept.
import type { Answer, Input, Question, StoreQuestion } from '../../api.ts';

/** Not part of what a first visit loads. */
const hubs = () => import('../../hub/hubs.ts');

type StoreAnswers = {
  readonly [Q in StoreQuestion]: (
    input: Input<Q>,
    signal: AbortSignal | undefined,
  ) => Promise<Answer<Q>>;
};

const ANSWERS: StoreAnswers = {
  planModel: async (input, signal) => (await hubs()).planModel(input, { signal }),
  findStored: async (input) => (await hubs()).findStored(input),
  storedModels: async () => (await hubs()).storedModels(),
  deleteStored: async ({ key }) => (await hubs()).deleteStored(key),
  deleteAllStored: async () => (await hubs()).deleteAllStored(),
  storageFacts: async () => (await hubs()).storageFacts(),
};

/** Whether a question needs no model. */
export function isStoreQuestion(question: Question): question is StoreQuestion {
  return Object.hasOwn(ANSWERS, question);
}

/** Answers a question that needs no model. */
export async function answerStore<Q extends Question>(
  question: Q & StoreQuestion,
  input: Input<Q>,
  signal?: AbortSignal,
): Promise<Answer<Q>> {
  const answer = ANSWERS[question] as (
    input: Input<Q>,
    signal: AbortSignal | undefined,
  ) => Promise<Answer<Q>>;
  return answer(input, signal);
}
