// The notebook's model, drawn from its seed beside what PyTorch printed; and what it takes, whole or narrow.
import type { DrawEvent, DrawRequest, NumberPair } from '../../api.ts';
import { toErrorInfo } from '../../errors.ts';
import { listed } from '../../words.ts';
import type { TrainingContext } from './context.ts';
import type { DrawingFacts, TrainingState } from './facts.ts';
import { isOfSource, vocabularyOf } from './presets.ts';

export const DRAWING_NOTHING: DrawingFacts = {
  plan: { at: 'none' },
  at: 'nothing',
  which: 'whole',
  doing: { what: '', share: null },
  weights: null,
  logits: null,
  steps: [],
  done: null,
  error: null,
};

export function createDrawing({ trainer, get, set, say }: TrainingContext<'drawing'>) {
  let working = new AbortController();
  let planning = new AbortController();

  async function draw(which: DrawRequest['which']): Promise<void> {
    working.abort();
    const { signal } = (working = new AbortController());
    const { plan } = get().drawing;
    set({ ...DRAWING_NOTHING, plan, at: 'working', which });
    try {
      for await (const event of trainer().draw({ which }, signal)) {
        if (signal.aborted) return;
        hear(event);
      }
    } catch (error) {
      if (signal.aborted) return;
      const info = toErrorInfo(error);
      set({ at: 'failed', error: info });
      say(info.message);
    }
  }

  function cancel(): void {
    working.abort();
    set({ ...DRAWING_NOTHING, plan: get().drawing.plan });
  }

  function hear(event: DrawEvent): void {
    switch (event.type) {
      case 'preparing':
        set({ doing: { what: event.what, share: event.share } });
        break;
      case 'weights':
        set({ weights: { tensors: event.tensors, same: event.same } });
        break;
      case 'logits':
        set({ logits: { columns: event.columns, rows: event.rows } });
        break;
      case 'step': {
        const { step, there, here } = event;
        set({ steps: [...get().drawing.steps, { step, there, here }] });
        break;
      }
      case 'done': {
        set({ at: 'done', done: { seconds: event.seconds, device: event.device } });
        const { logits } = get().drawing;
        if (logits !== null) say(verdictOf(logits).words);
        break;
      }
    }
  }

  return {
    actions: {
      /** Counts what the chosen one takes, where it is one of the source's; null waits for its vocabulary. */
      async planDrawing(vocabSize: number | null): Promise<void> {
        planning.abort();
        const { signal } = (planning = new AbortController());
        const { settings, preset } = get().draft;
        if (!isOfSource(preset)) return;
        set({ plan: { at: 'coming' } });
        if (vocabSize === null) return;
        try {
          const value = await trainer().ask('planRun', { settings, vocabSize }, signal);
          if (!signal.aborted) set({ plan: { at: 'here', value } });
        } catch (error) {
          if (!signal.aborted) set({ plan: { at: 'failed', error: toErrorInfo(error) } });
        }
      },
      draw: (which: DrawRequest['which']) => void draw(which),
      cancelDrawing: cancel,
      /** Nobody looks any more: what was drawn stays to be seen, what is being drawn goes. */
      leaveDrawing(): void {
        if (get().drawing.at === 'working') cancel();
      },
    },
  };
}

/** Of the text with the chosen tokenizer; null while that is being found out. Where there is no text, about as many. */
export function plannedVocabulary({
  draft,
  text: { read },
}: Pick<TrainingState, 'draft' | 'text'>): number | null {
  if (read.at === 'here') return read.value.vocabSize;
  const { tokenizer } = draft.settings;
  return read.at === 'coming' && tokenizer.kind !== 'gpt2' ? null : vocabularyOf(tokenizer);
}

/** How many of the numbers are PyTorch's, in one sentence; what is not, by name. */
export function verdictOf({ rows }: NonNullable<DrawingFacts['logits']>): {
  readonly words: string;
  readonly others: readonly NumberPair[];
  /** Whether float32 tells no more of any that differs by more than one in the last digit. */
  readonly isRight: boolean;
} {
  const pairs = rows.flatMap((each) => each.flatMap(({ logits }) => logits));
  const same = pairs.filter(({ off }) => off === 0).length;
  const near = pairs.filter(({ off }) => off === 1).length;
  const others = pairs.filter(({ off }) => !(off <= 1));
  const parts = [
    `${same === pairs.length ? 'all are' : same === 0 ? 'none is' : isOrAre(same)} the same digit for digit`,
    ...(near > 0 ? [`${isOrAre(near)} 1 off in the last digit`] : []),
    ...(others.length > 0 ? [`${isOrAre(others.length)} more`] : []),
  ];
  return {
    words: `Of ${pairs.length} logits ${listed(parts)}.`,
    others,
    isRight: others.every(({ isUntold }) => isUntold),
  };
}

function isOrAre(count: number): string {
  return `${count} ${count === 1 ? 'is' : 'are'}`;
}
