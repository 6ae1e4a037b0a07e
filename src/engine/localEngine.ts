// The page's engine in this thread: what `Engine` promises, done with a `GPT2`.
import type {
  Answer,
  Engine,
  GenerateEvent,
  GenerateRequest,
  Input,
  LoadOptions,
  LoadedModel,
  Question,
  SaveEvent,
  SaveRequest,
  SweepEvent,
  SweepRequest,
} from '../api.ts';
import { answer, isInBackground } from './questions/answers.ts';
import { Foreground, type GiveWay } from './foreground.ts';
import { GPT2 } from './gpt2.ts';
import { Resident, type Use } from './resident.ts';
import type { CheckedModel } from './checking/checkedModel.ts';
import { answerStore, isStoreQuestion } from './questions/storage.ts';

/** `answer` for a question that needs a model, which TypeScript cannot see of `Q`. */
type Ask<Q extends Question> = (
  model: GPT2,
  question: Q,
  input: Input<Q>,
  signal: AbortSignal | undefined,
  giveWay: GiveWay,
) => Promise<Answer<Q>>;

/** A GPU process that crashed is back within a second or two; nobody should wait much longer for one that is not. */
const ADAPTER_PATIENCE_MS = 6000;

export class LocalEngine implements Engine {
  readonly #resident = new Resident<GPT2>();
  readonly #foreground = new Foreground();

  async load(
    source: string,
    { signal, after, ...options }: LoadOptions = {},
  ): Promise<LoadedModel> {
    let checked: CheckedModel | null = null;
    const adapterPatienceMs = this.#resident.isLost ? ADAPTER_PATIENCE_MS : 0;
    const load = async (stop: AbortSignal, here: GPT2 | null): Promise<GPT2> => {
      const how = { ...options, adapterPatienceMs, signal: stop };
      const model = await (here?.beside(source, how) ?? GPT2.from_pretrained(source, how));
      if (!options.selfCheck) return model;
      checked = await (await import('./checking/checkedModel.ts')).checkedModel(model, stop);
      return checked.model;
    };
    const { model, turn } = await this.#foreground.during(() =>
      this.#resident.take(load, { signal, after }),
    );
    const { check, failed } = (checked as CheckedModel | null) ?? {};
    if (check === undefined) return { ...model.summary, turn };
    return { ...model.summary, turn, check, failedChecks: failed };
  }

  async ask<Q extends Question>(
    question: Q,
    input: Input<Q>,
    signal?: AbortSignal,
    turn?: number,
  ): Promise<Answer<Q>> {
    const { giveWay } = this.#foreground;
    if (isStoreQuestion(question)) {
      this.#resident.checkUsable();
      return this.#foreground.during(() => answerStore(question, input, signal));
    }
    const asked = answer as Ask<Q>;
    const answering = (): Promise<Answer<Q>> =>
      this.#resident.with((model) => asked(model, question, input, signal, giveWay), {
        turn,
        signal,
      });
    return isInBackground(question) ? answering() : this.#foreground.during(answering);
  }

  generate(request: GenerateRequest): AsyncIterable<GenerateEvent> {
    const { ids, options, top = 20, distributionMs, signal, off } = request;
    const shown = { top, distributionMs };
    return this.#stream((model) => model.events(ids, options, shown, signal, off), request);
  }

  sweep(request: SweepRequest): AsyncIterable<SweepEvent> {
    return this.#stream(async function* (model) {
      const { sweepParts } = await import('./questions/sweep.ts');
      yield* sweepParts(model, request);
    }, request);
  }

  save(request: SaveRequest): AsyncIterable<SaveEvent> {
    return this.#stream(async function* (model) {
      const { saveEvents } = await import('./save.ts');
      yield* saveEvents(model, request);
    }, request);
  }

  #stream<E>(use: (model: GPT2) => AsyncIterable<E>, of: Use): AsyncIterable<E> {
    return this.#foreground.throughout(this.#resident.stream(use, of));
  }

  onLost(listener: (reason: string, turn: number) => void): () => void {
    return this.#resident.onLost(listener);
  }

  dispose(): Promise<void> {
    return this.#resident.dispose();
  }
}
