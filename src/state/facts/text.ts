// What the page knows of its text, in numbers; the tokens live in `TokenText`.
import type { BranchFacts } from '../branches.ts';

export interface TextFacts {
  readonly prompt: string;
  /** Whether the tokens belong to the prompt as it stands. */
  readonly tokenised: boolean;
  /** Why the model cannot read the prompt as it stands, in words; null where it can, or was not asked. */
  readonly unread: string | null;
  /** The whole text as somebody writes it, until its tokens are read; null where they are. */
  readonly edited: string | null;
  /** The tokens are those of an older prompt than this one. */
  readonly stale: boolean;
  readonly epoch: number;
  readonly length: number;
  readonly promptCount: number;
  readonly scored: number;
  /** Where the last run began, for writing it again; null where nothing was written. */
  readonly runStart: number | null;
  /** Tokens before this index were never read: the prompt is longer than the context. */
  readonly dropped: number;
  /** Tokens before this index are no longer seen by the model. */
  readonly firstVisible: number;
  readonly hovered: number | null;
  readonly undoDepth: number;
  readonly redoDepth: number;
  /** The other continuations beside the text, in reading order; empty where there is but one. */
  readonly branches: readonly BranchFacts[];
  /** What happened to branches by itself, in words. */
  readonly branchNote: string;
  /**
   * Where the text parts from the branch that was shown before, and how many tokens had to be
   * computed for the candidates after it; null after any other change.
   */
  readonly forked: { readonly at: number; readonly computed: number | null } | null;
  /** The prompt that gave way to a run's own text, and comes back with any other model; null where none did. */
  readonly own: string | null;
  /** How many generated tokens an edit of the prompt put aside. */
  readonly setAside: number;
}
