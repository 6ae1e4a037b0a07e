// Two short continuations side by side: every part on, and parts off.
import type { ReactNode } from 'react';
import { modelOf } from '../../state/facts/model.ts';
import { toPlainText } from '../../state/tokenText.ts';
import { useFacts } from '../context.ts';
import { markDiffering, type MarkedPiece } from '../differingWords.ts';
import { MarkedText } from '../MarkedText.tsx';
import panel from './PartsPanel.module.css';
import { offList, partingWords } from './words.ts';
import css from './WrittenBoth.module.css';

export function WrittenBoth(): ReactNode {
  const { both, off, model } = useFacts((s) => ({
    both: s.parts.continuations,
    off: s.view.off,
    model: modelOf(s),
  }));
  if (both === null || off.length === 0) return null;
  const [whole, edited] = markDiffering(toPlainText(both.whole), toPlainText(both.edited));
  return (
    <section
      className={css.both}
      aria-label="What is written with every part on, and with parts off"
      data-testid="continuations"
    >
      <div className={css.columns}>
        <Written name="Every part on" pieces={whole} />
        <Written name={`Without ${offList(off, model)}`} pieces={edited} />
      </div>
      <p className={panel.note}>
        {partingWords(both)} Both take the likeliest token each time. Underlined words are not in
        the other.
      </p>
    </section>
  );
}

function Written({
  name,
  pieces,
}: {
  readonly name: string;
  readonly pieces: readonly MarkedPiece[];
}): ReactNode {
  return (
    <div className={css.written}>
      <p className={css.name}>{name}</p>
      <p className={css.text}>
        …
        <MarkedText pieces={pieces} />
      </p>
    </div>
  );
}
