// Where the keyboard goes when what it was on is gone.

/** The token of the text that Tab would reach. */
export function focusText(): void {
  const list = document.querySelector<HTMLElement>('[data-region="text"] [role="listbox"]');
  list?.querySelector<HTMLElement>('[tabindex="0"]')?.focus({ preventScroll: true });
}

/** How long what is asked for may take to come, in ms. */
const SOON_MS = 10_000;

/** What a gesture brings takes the keyboard over once it is there and what was pressed is gone, if nothing else has it by then. */
export function focusSoon(selector: string): void {
  const pressed = document.activeElement;
  const end = performance.now() + SOON_MS;
  function look(): void {
    const isHeld = document.activeElement !== document.body && document.activeElement !== pressed;
    if (isHeld || performance.now() > end) return;
    const found = document.querySelector<HTMLElement>(selector);
    if (found && !pressed?.isConnected) found.focus({ preventScroll: true });
    else requestAnimationFrame(look);
  }
  look();
}
