// A text that a run's model can read for certain: the beginning of the one that it learns from.
import { toPlainText } from '../../state/tokenText.ts';
import type { ShownRun } from '../../state/training/facts.ts';

/** More is more than a picture of it shows well. */
const MOST_TOKENS = 32;

/** Half of what the model sees at once, at most; whole lines where there are any. */
export function beginningOf({
  text: { beginning },
  settings,
}: Pick<ShownRun, 'text' | 'settings'>): string {
  const count = Math.min(MOST_TOKENS, Math.ceil(settings.model.n_ctx / 2));
  const words = toPlainText(beginning.slice(0, count));
  const end = words.lastIndexOf('\n');
  return end > 0 ? words.slice(0, end) : words;
}
