// The one error type of the project: a stable code, what is wrong, and what to do next.
import type { Choice, ErrorInfo } from './api.ts';

/**
 * An error people can act on. `message` names the op or file, what was expected and what came;
 * `hint` is the next step; `code` is stable and slash-separated (`checkpoint/shape`).
 */
export class EngineError extends Error implements ErrorInfo {
  readonly code: string;
  readonly hint: string;
  readonly choice?: Choice;
  readonly baseModel?: string;

  constructor(
    message: string,
    options: {
      code: string;
      hint?: string;
      cause?: unknown;
      choice?: Choice;
      baseModel?: string;
    },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'EngineError';
    this.code = options.code;
    this.hint = options.hint ?? '';
    if (options.choice !== undefined) this.choice = options.choice;
    if (options.baseModel !== undefined) this.baseModel = options.baseModel;
  }
}

/** Any thrown value as plain data for the page; unknown errors keep their message. */
export function toErrorInfo(error: unknown): ErrorInfo {
  if (error instanceof EngineError) {
    const { code, message, hint, choice, baseModel } = error;
    return {
      code,
      message,
      hint,
      ...(choice === undefined ? {} : { choice }),
      ...(baseModel === undefined ? {} : { baseModel }),
    };
  }
  if (error instanceof Error) {
    return {
      code: 'engine/unexpected',
      message: error.message,
      hint: 'Reload the page; your text is kept.',
    };
  }
  return {
    code: 'engine/unexpected',
    message: String(error),
    hint: 'Reload the page; your text is kept.',
  };
}
