// A run beside its twin: their records, and what the weights of the same step of both make of a text.
import type { ErrorInfo, RunFacts, RunRecord, RunRequest, TrainerQuestions } from '../../api.ts';
import { toErrorInfo } from '../../errors.ts';
import type { TrainingContext } from './context.ts';
import { ownEdits, twinName } from './edits.ts';
import type { ComparisonFacts, RunPair } from './facts.ts';
import { isKept } from './kept.ts';
import { commonSteps, controlOf, controlsOf } from './pairs.ts';
import { changesOf } from './schooling.ts';

export const COMPARISON_NOTHING: ComparisonFacts = {
  isAsked: false,
  pair: { at: 'none' },
  control: null,
  noControl: null,
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

const NO_OTHER: ErrorInfo = {
  code: 'training/edit',
  message: 'The text has no other passage with about as many characters in all.',
  hint: 'Compare with a shorter or rarer one.',
};

export function createComparison({
  trainer,
  get,
  set,
  stillMs,
  begin,
}: TrainingContext<'comparison'> & {
  readonly stillMs: number;
  readonly begin: (request: RunRequest) => void;
}) {
  /** The pair that is shown again once its control is done, by the control's passage. */
  let awaited: { readonly first: string; readonly twin: string; readonly passage: string } | null =
    null;
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
      const [first, twin, all] = await Promise.all([
        of(firstId),
        of(twinId),
        trainer().ask('runs', {}),
      ]);
      const pair = { first, twin };
      const control = controlOf(
        pair,
        await Promise.all(controlsOf(pair, all).map(({ id }) => of(id))),
      );
      if (signal.aborted) return;
      const step = commonSteps(pair).at(-1) ?? null;
      set({ pair: { at: 'here', value: pair }, control, step, prompt: promptOf(pair) });
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
    const { pair, control, step, prompt } = get().comparison;
    if (pair.at !== 'here' || step === null || prompt === '') {
      set({ isReading: false, refused: null, reading: null });
      return;
    }
    asking = new AbortController();
    set({ isReading: true });
    const isKeptThere = control?.snapshots.some((one) => one.step === step && isKept(one));
    const runs = { ...pair.value, control: isKeptThere ? control : null };
    void readAll(runs, { step, text: prompt, top: TOP }, asking.signal);
  }

  async function readAll(
    { first, twin, control }: RunPair & Pick<ComparisonFacts, 'control'>,
    asked: Omit<TrainerQuestions['readAt']['input'], 'id'>,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const ask = ({ id }: RunRecord) => trainer().ask('readAt', { id, ...asked }, signal);
      const [mine, other, its] = await Promise.all([
        ask(first),
        ask(twin),
        control && ask(control),
      ]);
      if (signal.aborted) return;
      const reading = { prompt: asked.text, first: mine, twin: other, control: its };
      set({ reading, isReading: false, refused: null });
    } catch (error) {
      if (!signal.aborted) set({ isReading: false, refused: toErrorInfo(error), reading: null });
    }
  }

  /** The same edit of about as many characters elsewhere: what that makes is what any passage makes. */
  async function trainControl(): Promise<void> {
    const { pair } = get().comparison;
    if (pair.at !== 'here') return;
    const { first, twin } = pair.value;
    const edit = ownEdits(first.settings, twin.settings).at(-1);
    if (edit === undefined) return;
    const { signal } = open;
    try {
      const asked = { id: first.id, passage: edit.passage };
      const passage = await trainer().ask('otherPassage', asked, signal);
      if (signal.aborted) return;
      if (passage === null) return set({ noControl: NO_OTHER });
      // One stretch for several places has in its place what came to each of them.
      const by = edit.by?.repeat(Math.round(passage.length / edit.passage.length));
      const other = { ...edit, passage, ...(by !== undefined && { by }) };
      const edits = [...(first.settings.edits ?? []), other];
      awaited = { first: first.id, twin: twin.id, passage };
      close();
      begin({
        run: {
          settings: { ...first.settings, edits },
          name: twinName(first, other),
          twinOf: first.id,
          ...changesOf(first),
        },
      });
    } catch (error) {
      if (!signal.aborted) set({ noControl: toErrorInfo(error) });
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
    twinDone({ id, twinOf, settings }: Pick<RunFacts, 'id' | 'twinOf' | 'settings'>): boolean {
      const isThere = (one: string): boolean =>
        get().runs.all?.some((run) => run.id === one) ?? false;
      if (twinOf === null || !isThere(twinOf)) return false;
      const isControl =
        awaited?.first === twinOf && awaited.passage === settings.edits?.at(-1)?.passage;
      // Where what it was trained for is gone, it is a twin like any other.
      const twin = isControl && isThere(awaited?.twin ?? '') ? awaited?.twin : id;
      if (isControl) awaited = null;
      void compare(twinOf, twin ?? id, false);
      return true;
    },
    actions: {
      compare: (first: string, twin: string) => void compare(first, twin, true),
      closeComparison: close,
      trainControl: () => void trainControl(),
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
