// What is told while a model comes.
import type { ProgressInfo } from '../../api.ts';
import type { TensorSource } from '../../formats/tensorSource.ts';
import { partOf } from '../../model/layouts.ts';

/** Adds to progress which part of the model is being read. */
export class PartReporter {
  #part: string | undefined;
  readonly #callback: ((info: ProgressInfo) => void) | undefined;

  constructor(callback: ((info: ProgressInfo) => void) | undefined) {
    this.#callback = callback;
  }

  readonly report = (info: ProgressInfo): void => {
    const part = info.status === 'progress' ? this.#part : undefined;
    this.#callback?.(part === undefined ? info : { ...info, part });
  };

  /** The source itself, noting what is asked of it. */
  watch(source: TensorSource): TensorSource {
    const names = [...source.shapes.keys()];
    return {
      ...source,
      read: (name, from, count, into) => {
        this.#part = partOf(name, names);
        return source.read(name, from, count, into);
      },
    };
  }
}
