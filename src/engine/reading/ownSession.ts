// The session of one who follows a text.
import { disposedError } from '../../model/disposed.ts';
import type { Gpt } from '../../model/gpt.ts';
import type { PartsOff } from '../../model/partsOff.ts';
import { Session } from '../../model/session.ts';

/** Switches parts of a session off, and all others on; what it read with others off, it forgets. */
export type SwitchOff = (session: Session, off: PartsOff) => Promise<void>;

/** Made for the first text, grows with it, and is made anew where there was no memory for it. */
export class OwnSession {
  readonly #gpt: Gpt;
  readonly #switchOff: SwitchOff;
  #session: Session | null = null;
  #disposed = false;

  constructor(gpt: Gpt, switchOff: SwitchOff) {
    this.#gpt = gpt;
    this.#switchOff = switchOff;
  }

  /** The session as it is where these parts are off in it; null where it would have to be made or changed. */
  known(off: PartsOff): Session | null {
    const session = this.#session;
    const isGood = session !== null && !session.failed && session.off.key === off.key;
    return isGood && !this.#disposed ? session : null;
  }

  /** The session with these parts off. Throws `engine/disposed`, `device/out-of-memory`. */
  async take(off: PartsOff): Promise<Session> {
    if (this.#disposed) throw disposedError();
    if (this.#session?.failed) {
      this.#session.dispose();
      this.#session = null;
    }
    this.#session ??= new Session(this.#gpt);
    await this.#switchOff(this.#session, off);
    return this.#session;
  }

  /** What waits fails with `engine/disposed`. Idempotent. */
  dispose(): void {
    this.#disposed = true;
    this.#session?.dispose();
  }
}
