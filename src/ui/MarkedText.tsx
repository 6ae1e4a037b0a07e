// A text whose words are marked that another one has not (`markDiffering`): by a line under them, too.
import type { ReactNode } from 'react';
import type { MarkedPiece } from './differingWords.ts';
import css from './MarkedText.module.css';

export function MarkedText({ pieces }: { readonly pieces: readonly MarkedPiece[] }): ReactNode {
  return pieces.map((piece) =>
    piece.differs ? (
      <mark key={piece.from} className={css.marked}>
        {piece.text}
      </mark>
    ) : (
      piece.text
    ),
  );
}
