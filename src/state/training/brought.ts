// What somebody brings from elsewhere: a run that goes on here, or the receipt of one, whose first steps are made again.
import type { ReceiptEvent, RunText } from '../../api.ts';
import { toErrorInfo } from '../../errors.ts';
import { loadedOf, type TrainingContext } from './context.ts';
import type { BroughtFacts } from './facts.ts';

export const BROUGHT_NOTHING: BroughtFacts = {
  at: 'nothing',
  kind: 'run',
  name: '',
  doing: '',
  error: null,
  receipt: null,
  until: 0,
  steps: [],
  parts: null,
};

/** Codes of a text that is missing, or another one: somebody may have it. */
const ASKS = ['training/text-needed', 'training/text-other'];

export function createBrought({
  trainer,
  get,
  set,
  say,
  came,
}: TrainingContext<'brought'> & {
  /** A run is kept here now. */
  readonly came: (id: string) => Promise<void>;
}) {
  let working = new AbortController();
  let brought: File | null = null;
  /** What was given where it asked for its text. */
  let given: RunText | undefined;

  async function work(all = false): Promise<void> {
    working.abort();
    const { signal } = (working = new AbortController());
    const file = brought;
    if (file === null) return;
    const { kind } = get().brought;
    set({
      ...BROUGHT_NOTHING,
      at: 'working',
      kind,
      name: file.name,
      doing: kind === 'run' ? 'Reading the run' : 'Reading the receipt',
    });
    const asked = { file, ...(given === undefined ? {} : { text: given }) };
    try {
      if (kind === 'run') {
        const { id } = await trainer().ask('importRun', asked, signal);
        if (signal.aborted) return;
        set(BROUGHT_NOTHING);
        say(`${file.name} is kept here now.`);
        await came(id);
      } else {
        const loaded = loadedOf(get());
        const whole = { ...asked, all, ...(loaded === null ? {} : { loaded }) };
        for await (const event of trainer().checkReceipt(whole, signal)) {
          if (signal.aborted) return;
          hear(event);
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      const info = toErrorInfo(error);
      set({ at: ASKS.includes(info.code) ? 'text' : 'failed', error: info });
      say(info.message);
    }
  }

  function hear(event: ReceiptEvent): void {
    switch (event.type) {
      case 'receipt':
        set({ receipt: event.receipt, until: event.until });
        break;
      case 'preparing':
        set({ doing: event.what });
        break;
      case 'step': {
        const { step, there, here } = event;
        const { steps } = get().brought;
        set({ doing: `Step ${step}`, steps: [...steps, { step, there, here }] });
        break;
      }
      case 'done':
        set({ at: 'done', doing: '', parts: event.parts });
        say(
          event.parts === null
            ? `The same losses here as there, over ${event.steps} steps.`
            : `The losses part at step ${event.parts}.`,
        );
        break;
    }
  }

  const bring =
    (kind: BroughtFacts['kind']) =>
    (file: File): void => {
      brought = file;
      given = undefined;
      set({ ...BROUGHT_NOTHING, kind });
      void work();
    };

  return {
    actions: {
      bringRun: bring('run'),
      bringReceipt: bring('receipt'),
      /** The text that it asked for: a file, or what was pasted. */
      giveText: (text: string | File): void => {
        given = { kind: 'own', name: 'text', text };
        void work();
      },
      /** Those behind the first too, which takes as long as the run did. */
      checkAllSteps: () => void work(true),
      dismissBrought(): void {
        working.abort();
        brought = null;
        given = undefined;
        set(BROUGHT_NOTHING);
      },
    },
  };
}
