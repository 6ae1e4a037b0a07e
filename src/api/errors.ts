// The shape of an error that crosses.

/** The shape of every error that crosses to the page: what is wrong, and what to do next. */
export interface ErrorInfo {
  /** Stable, slash-separated: `checkpoint/shape`, `tokens/context`, `device/lost`, `network/not-found`… */
  readonly code: string;
  readonly message: string;
  /** The next step, in words. */
  readonly hint: string;
}
