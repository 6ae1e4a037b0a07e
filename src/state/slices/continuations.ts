// Two short continuations of the text: the whole model's, and that of the one with parts off.
import type { GenerateEvent, PartOff, TokenPiece } from '../../api.ts';
import { createLatest } from '../latest.ts';
import { DEFAULT_SETTINGS, toGenerationOptions } from '../settings.ts';
import { toIds } from '../tokenText.ts';
import { staleness, type SliceContext } from './slice.ts';

/** Tokens of each: a sentence or half of one, written in a blink. */
const LENGTH = 12;
/**
 * The likeliest token always. Drawn tokens part at any small change of the odds: from one seed three in four single heads
 * did that, and nearly all of them hardly move the next guess.
 */
const OPTIONS = toGenerationOptions({
  ...DEFAULT_SETTINGS,
  do_sample: false,
  max_new_tokens: LENGTH,
});

export function createContinuations(context: SliceContext<'parts'>) {
  const { engine, text, get, set } = context;
  const isWanted = (): boolean => get().view.panel === 'parts' && get().view.off.length > 0;
  /** What those that are shown are about. */
  let about: { epoch: number; at: number; off: readonly PartOff[] } | null = null;

  const write = createLatest<void>(async (_, signal) => {
    if (!isWanted() || get().busy.has('run') || !context.answerable()) return;
    const { off, selected } = get().view;
    const at = selected ?? text.pieces.length;
    const isKnown = about?.epoch === text.epoch && about.at === at && about.off === off;
    if (isKnown && get().parts.continuations !== null) return;
    clear();
    const isStale = staleness(context, signal);
    const { epoch } = text;
    const ids = toIds(text, at);
    try {
      const whole = await piecesOf(
        engine.generate({ ids, options: OPTIONS, off: [], top: 1, signal }),
      );
      if (isStale()) return;
      const edited = await piecesOf(
        engine.generate({ ids, options: OPTIONS, off, top: 1, signal }),
      );
      if (isStale()) return;
      about = { epoch, at, off };
      set({ continuations: { whole, edited, at } });
    } catch (error) {
      if (!signal.aborted) context.report(error, 'panels');
    }
  });

  function clear(): void {
    about = null;
    if (get().parts.continuations !== null) set({ continuations: null });
  }

  return {
    /** The text, the selection, the parts or the open view changed. */
    refresh(): void {
      write.cancel();
      if (get().view.off.length === 0) clear();
      else if (isWanted()) write.ask();
    },
    cancel: () => write.cancel(),
    clear,
  };
}

async function piecesOf(stream: AsyncIterable<GenerateEvent>): Promise<TokenPiece[]> {
  const pieces: TokenPiece[] = [];
  for await (const event of stream) {
    if (event.type === 'token') pieces.push(event.piece);
  }
  return pieces;
}
