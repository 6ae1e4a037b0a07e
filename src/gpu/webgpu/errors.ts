// What can go wrong on a GPU, and who hears of it: errors come late, and by scopes.
import { EngineError } from '../../errors.ts';
import { said } from '../kernel.ts';

/** Where an error was found: the names around a step, and what the step was to do. */
export interface Place {
  readonly at: string;
  readonly what: string;
}

const SOMEWHERE: Place = { at: '', what: 'a command' };

/** The state of health of one device. */
export class Faults {
  /** Resolves with the reason when the GPU is gone. */
  readonly lost: Promise<string>;
  readonly #gpu: GPUDevice;
  #disposed = false;
  #lostReason: string | null = null;
  /** The first error that nobody else answers for: from then on results would be garbage. */
  #refused: EngineError | null = null;
  /** Settles when it is known in which step that error was. */
  #naming: Promise<void> = Promise.resolve();
  #anyStarved = false;

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
    this.lost = gpu.lost.then((info) => {
      this.#lostReason = info.message || info.reason || 'unknown reason';
      return this.#lostReason;
    });
    gpu.addEventListener('uncapturederror', this.#hear);
  }

  /** Until something gets no memory, nobody has to look for it. */
  get anyStarved(): boolean {
    return this.#anyStarved;
  }

  noteStarved(): void {
    this.#anyStarved = true;
  }

  /** Throws where nothing can be computed any more. */
  checkUsable(): void {
    if (this.#disposed) {
      throw new EngineError('This device was disposed.', {
        code: 'engine/disposed',
        hint: 'Load the model again.',
      });
    }
    if (this.#lostReason !== null) throw deviceLost(this.#lostReason);
    if (this.#refused) throw this.#refused;
  }

  /** The first error that nobody else answers for, with the step it was found in. */
  async refusal(): Promise<EngineError | null> {
    if (this.#refused) await this.#naming;
    return this.#refused;
  }

  /**
   * Sends commands. What uses a buffer that is not there is refused as a whole: whoever waits for it hears
   * why from `failure`, and the device is as good as before. Any other error is the device's, and `blame`
   * finds out in which step it was. A device that is lost says so itself.
   */
  send<T>(
    commands: () => T,
    failure: () => EngineError | null,
    blame?: () => Promise<Place | null>,
  ): T {
    this.#gpu.pushErrorScope('validation');
    try {
      return commands();
    } finally {
      this.#gpu.popErrorScope().then(
        (error) => {
          if (!error || this.#refused || failure()) return;
          this.#refused = toEngineError(error, SOMEWHERE);
          if (blame) this.#naming = this.#name(error, blame);
        },
        () => {},
      );
    }
  }

  /** Why a result could not be read, where nothing that was asked for explains it. */
  async unreadable(cause: unknown): Promise<EngineError> {
    if (this.#disposed) {
      return new EngineError('The device was disposed while a result was awaited.', {
        code: 'engine/disposed',
        hint: 'Load the model again.',
        cause,
      });
    }
    // Mapping fails when the device goes away under it; say that rather than "mapAsync".
    const reason = await Promise.race([this.lost, Promise.resolve(null)]);
    return deviceLost(reason ?? this.#lostReason ?? 'a result could not be read back', cause);
  }

  /** Why a shader gave no pipeline. */
  uncompiled(cause: unknown): EngineError {
    if (this.#lostReason !== null) return deviceLost(this.#lostReason, cause);
    return new EngineError(
      `A shader could not be compiled here: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        code: 'device/shader',
        hint: 'Update the browser or graphics driver, or compute on the processor.',
        cause,
      },
    );
  }

  dispose(): void {
    this.#disposed = true;
    this.#gpu.removeEventListener('uncapturederror', this.#hear);
  }

  readonly #hear = ({ error }: { readonly error: GPUError }): void => {
    this.#refused ??= toEngineError(error, SOMEWHERE);
  };

  async #name(error: GPUError, blame: () => Promise<Place | null>): Promise<void> {
    try {
      this.#refused = toEngineError(error, (await blame()) ?? SOMEWHERE);
    } catch {
      // A device that is lost meanwhile names nothing.
    }
  }
}

/** `who` has no memory left ` for something`. */
export function outOfMemory(cause: unknown, what = '', who = 'GPU'): EngineError {
  return new EngineError(`The ${who} has no memory left${what}.`, {
    code: 'device/out-of-memory',
    hint: 'Close other tabs, choose fp16 or a smaller model, or compute on the processor.',
    cause,
  });
}

/** The same failure, with the step that met it. */
export function named(failure: EngineError, at: string): EngineError {
  if (at === '') return failure;
  const { code, hint } = failure;
  return new EngineError(`${said(at)}${failure.message}`, { code, hint, cause: failure });
}

function toEngineError(error: GPUError, { at, what }: Place): EngineError {
  if (error instanceof GPUOutOfMemoryError) return outOfMemory(error);
  return new EngineError(`${said(at)}The GPU refused ${what}: ${error.message}`, {
    code: 'device/refused',
    hint: 'Load the model again, or compute on the processor.',
  });
}

function deviceLost(reason: string, cause?: unknown): EngineError {
  return new EngineError(`The GPU was lost: ${reason}`, {
    code: 'device/lost',
    hint: 'Your text is kept. Load the model again, or compute on the processor.',
    cause,
  });
}
