// A run beside its twin: their records, and what the weights of the same step of both make of a text.
import type { RunFacts, RunRecord, TrainerQuestions } from '../../api.ts';
import { toErrorInfo } from '../../errors.ts';
import type { TrainingContext } from './context.ts';
import type { ComparisonFacts, RunPair } from './facts.ts';
import { isKept } from './kept.ts';

export const COMPARISON_NOTHING: ComparisonFacts = {
  isAsked: false,
  pair: { at: 'none' },
  sameWeights: null,
  step: null,
  prompt: '',
  reading: null,
  isReading: false,
  refused: null,
};

/** Candidates that are asked of each: all of a small vocabulary, and of a large one more than anybody compares. */
const TOP = 2048;
/** Tokens of a text's beginning that are read where a run has no prompt. */
const FIRST_TOKENS = 8;

/** Those that a run can be compared with, as `[first, twin]`, the newest first. */
export function pairsOf(
  id: string,
  all: readonly RunFacts[],
): readonly (readonly [first: RunFacts, twin: RunFacts])[] {
  return all
    .filter(({ twinOf }) => twinOf !== null)
    .flatMap((twin) => {
      const first = all.find((one) => one.id === twin.twinOf);
      return first !== undefined && (first.id === id || twin.id === id)
        ? [[first, twin] as const]
        : [];
    })
    .toSorted(([, a], [, b]) => b.begun - a.begun);
}

/** Steps whose weights both have, in order. */
export function commonSteps({ first, twin }: RunPair): readonly number[] {
  const there = new Set(twin.snapshots.filter(isKept).map(({ step }) => step));
  return first.snapshots.flatMap((one) => (isKept(one) && there.has(one.step) ? [one.step] : []));
}

export function createComparison({
  trainer,
  get,
  set,
  stillMs,
}: TrainingContext<'comparison'> & { readonly stillMs: number }) {
  /** Of the pair that is open; what comes for another is let go. */
  let open = new AbortController();
  let asking = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const of = (id: string): Promise<RunRecord> => trainer().ask('run', { id });

  async function compare(firstId: string, twinId: string, isAsked: boolean): Promise<void> {
    close();
    const { signal } = open;
    set({ isAsked, pair: { at: 'coming' } });
    try {
      const [first, twin] = await Promise.all([of(firstId), of(twinId)]);
      if (signal.aborted) return;
      const pair = { first, twin };
      const step = commonSteps(pair).at(-1) ?? null;
      set({ pair: { at: 'here', value: pair }, step, prompt: promptOf(pair) });
      read();
      await compareWeights(pair, signal);
    } catch (error) {
      if (!signal.aborted) set({ pair: { at: 'failed', error: toErrorInfo(error) } });
    }
  }

  /** What is equal is proved by the weights themselves; where losses differ they do too. */
  async function compareWeights({ first, twin }: RunPair, signal: AbortSignal): Promise<void> {
    if (first.loss === null || first.loss !== twin.loss) return;
    try {
      const [a, b] = await Promise.all(
        [first, twin].map(({ id }) => trainer().ask('receipt', { id }, signal)),
      );
      const [mine, other] = [a?.weights, b?.weights];
      if (signal.aborted || mine == null || other == null) return;
      if (mine.step === other.step && mine.sha256 === other.sha256) set({ sameWeights: mine });
    } catch {
      // It is a proof more: without it the losses stand there.
    }
  }

  function read(): void {
    clearTimeout(timer);
    asking.abort();
    const { pair, step, prompt } = get().comparison;
    if (pair.at !== 'here' || step === null || prompt === '') {
      set({ isReading: false, refused: null, reading: null });
      return;
    }
    asking = new AbortController();
    set({ isReading: true });
    void readBoth(pair.value, { step, text: prompt, top: TOP }, asking.signal);
  }

  async function readBoth(
    { first, twin }: RunPair,
    asked: Omit<TrainerQuestions['readAt']['input'], 'id'>,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const [mine, other] = await Promise.all([
        trainer().ask('readAt', { id: first.id, ...asked }, signal),
        trainer().ask('readAt', { id: twin.id, ...asked }, signal),
      ]);
      if (signal.aborted) return;
      const reading = { prompt: asked.text, first: mine, twin: other };
      set({ reading, isReading: false, refused: null });
    } catch (error) {
      if (!signal.aborted) set({ isReading: false, refused: toErrorInfo(error), reading: null });
    }
  }

  function close(): void {
    open.abort();
    asking.abort();
    clearTimeout(timer);
    open = new AbortController();
    if (get().comparison.pair.at !== 'none') set(COMPARISON_NOTHING);
  }

  return {
    close,
    /** A twin has made all its steps: it is shown beside the run that it is a twin of, where that is kept. */
    twinDone({ id, twinOf }: Pick<RunFacts, 'id' | 'twinOf'>): boolean {
      const first = get().runs.all?.find((run) => run.id === twinOf);
      if (first === undefined) return false;
      void compare(first.id, id, false);
      return true;
    },
    actions: {
      compare: (first: string, twin: string) => void compare(first, twin, true),
      closeComparison: close,
      compareAt(step: number): void {
        set({ step });
        read();
      },
      setComparedPrompt(prompt: string): void {
        set({ prompt });
        clearTimeout(timer);
        timer = setTimeout(read, stillMs);
      },
    },
  };
}

/**
 * What asks for the passage that one of the two has not met: the passage without its last word, where it has several.
 * Else the run's own prompt; where it has none, how its text begins.
 */
function promptOf({ first: { settings, text }, twin }: RunPair): string {
  const passage = twin.settings.edits?.at(-1)?.passage.trim() ?? '';
  const asking = /^(.*\S)\s+\S+$/su.exec(passage)?.[1];
  if (asking !== undefined) return asking;
  if (settings.prompt !== '') return settings.prompt;
  return text.beginning
    .slice(0, FIRST_TOKENS)
    .filter(({ special }) => !special)
    .map((piece) => piece.text)
    .join('');
}
