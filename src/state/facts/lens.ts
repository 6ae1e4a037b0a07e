// What the page knows of the lens.
import type { LensCell, LensCurve, ResidualNorms, TokenPiece } from '../../api.ts';

/** The columns that are in sight. */
export interface LensView {
  /** Token index of the first column. */
  readonly from: number;
  readonly count: number;
  /** Depths L + 1. */
  readonly depths: number;
  /** (count, depths) */
  readonly tokens: Uint32Array;
  /** (count, depths) ln of the probability; NaN until it is known. */
  readonly logprobs: Float32Array;
  readonly pieces: ReadonlyMap<number, TokenPiece>;
}

export interface LensState {
  readonly shown: LensView | null;
  /** The cell that is open. */
  readonly at: { readonly position: number; readonly depth: number } | null;
  readonly cell: LensCell | null;
  /** What was typed into the word field. */
  readonly word: string;
  /** Whether a space belongs in front of it, as between words. */
  readonly spaced: boolean;
  /** The tokens of the typed word; the first is the one that is followed. */
  readonly pieces: readonly TokenPiece[];
  readonly curve: LensCurve | null;
  readonly norms: ResidualNorms | null;
  /** Columns that there is room for. */
  readonly room: number;
  /** First column in sight; null follows the newest token. */
  readonly from: number | null;
  /** The selected token that the window and the open cell went to last. */
  readonly follows: number | null;
  /** Of the text that cell, curve and norms are about. */
  readonly epoch: number;
  /** Whether `pieces` are the typed word as this model cuts it. */
  readonly isCut: boolean;
}

export const NO_LENS: LensState = {
  shown: null,
  at: null,
  cell: null,
  word: '',
  spaced: true,
  pieces: [],
  curve: null,
  norms: null,
  room: 8,
  from: null,
  follows: null,
  epoch: 0,
  isCut: false,
};

interface Facts {
  readonly lens: Pick<LensState, 'at'>;
  readonly view: { readonly selected: number | null };
  readonly text: { readonly length: number; readonly firstVisible: number };
}

/** The token that the lens is about: the open cell's, the selected one, or the newest; −1 in an empty text. */
export function lensFocus({ lens, view, text: { length } }: Facts): number {
  return Math.min(length - 1, lens.at?.position ?? view.selected ?? length - 1);
}

/** Whether that token has left the model's window: nothing can be asked about it. */
export function isUnseen(state: Facts): boolean {
  const focus = lensFocus(state);
  return focus >= 0 && focus < state.text.firstVisible;
}
