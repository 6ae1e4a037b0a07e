// The keys of the text: from token to token, from line to line, and all of it.
interface TextKeysOptions {
  readonly list: HTMLElement;
  /** Stands behind the last token. */
  readonly caret: HTMLElement;
  /** The chips that are there, by their token. */
  readonly chips: ReadonlyMap<number, HTMLElement>;
  readonly length: () => number;
  readonly selected: () => number | null;
  /** The length of the text is its end. */
  readonly select: (index: number) => void;
  /** Makes elements of the tokens around one, some lines on either side. */
  readonly drawAround: (index: number) => void;
  /** Writes where one is. */
  readonly write: () => void;
}

export function startTextKeys(options: TextKeysOptions): () => void {
  const { list, caret, chips } = options;

  function onKeyDown(event: KeyboardEvent): void {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'a') {
      // All of the text, and nothing of the page around it.
      event.preventDefault();
      getSelection()?.selectAllChildren(list);
      return;
    }
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (/^(?:Enter|F2|[\p{L}\p{N}])$/u.test(event.key)) {
      // A letter is the first that is written.
      if (event.key.length > 1) event.preventDefault();
      options.write();
      return;
    }
    const length = options.length();
    const here = options.selected() ?? length;
    let next: number;
    switch (event.key) {
      case 'ArrowLeft':
        next = here - 1;
        break;
      case 'ArrowRight':
        next = here + 1;
        break;
      case 'ArrowUp':
        next = lineNeighbour(here, -1);
        break;
      case 'ArrowDown':
        next = lineNeighbour(here, 1);
        break;
      case 'Home':
        next = 0;
        break;
      case 'End':
        next = length;
        break;
      default:
        return;
    }
    event.preventDefault();
    next = Math.max(0, Math.min(length, next));
    options.select(next);
    const target = chips.get(next) ?? caret;
    target.tabIndex = 0;
    target.focus({ preventScroll: true });
    target.scrollIntoView({ block: 'nearest' });
  }

  /** The token above or below, by where it stands on the screen. */
  function lineNeighbour(from: number, direction: 1 | -1): number {
    options.drawAround(from);
    const origin = (chips.get(from) ?? caret).getBoundingClientRect();
    const x = origin.left + origin.width / 2;
    let best = from;
    let distance = Infinity;
    let line: number | null = null;
    for (let i = from + direction; chips.has(i); i += direction) {
      const box = chips.get(i)?.getBoundingClientRect();
      if (box === undefined || (box.top - origin.top) * direction < origin.height / 2) continue;
      line ??= box.top;
      if ((box.top - line) * direction > box.height / 2) break;
      const away = Math.abs(box.left + box.width / 2 - x);
      if (away < distance) {
        distance = away;
        best = i;
      }
    }
    if (best === from) return direction === 1 ? options.length() : 0;
    return best;
  }

  list.addEventListener('keydown', onKeyDown);
  return () => list.removeEventListener('keydown', onKeyDown);
}
