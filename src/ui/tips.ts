// What to try next: one gesture at a time, about what is open.

export interface Tip {
  /** As it is noted once somebody did it. */
  readonly id: string;
  readonly words: string;
  /** Where the text shows no underlines. */
  readonly unmarked?: string;
  /** The view in which it can be done; any where it says none. */
  readonly view?: string;
  /** The view that it opens: whoever is there needs no telling. */
  readonly opens?: string;
}

export const TIPS: readonly Tip[] = [
  { id: 'generate', words: 'press Generate and watch the tokens come.' },
  {
    id: 'select',
    words: 'click a word with a thick underline and see what else was likely.',
    unmarked: 'click a word and see what else was likely.',
  },
  { id: 'choose', words: 'click another candidate: the text forks there, Undo brings it back.' },
  {
    id: 'temperature',
    words: 'move the temperature and watch the bars before anything is written.',
  },
  {
    id: 'heatmap',
    view: 'attention',
    words: 'point at the attention map and see the words light up in the text.',
  },
  {
    id: 'attention',
    view: 'attention',
    words: 'click another tile: each head looks for something else.',
  },
  {
    id: opened('lens'),
    opens: 'lens',
    words: 'open Lens and watch the guess take shape, layer by layer.',
  },
  { id: 'lens', view: 'lens', words: 'click a cell and see the ten likeliest after that layer.' },
  {
    id: opened('sampling'),
    opens: 'sampling',
    words: 'open Sampler and see how one token is drawn from all of them.',
  },
  {
    id: opened('parts'),
    opens: 'parts',
    words: 'open Switch off, where a part of the model can be taken out.',
  },
  { id: 'parts', view: 'parts', words: 'switch a head off and see whether it mattered.' },
  {
    id: 'sweep',
    view: 'parts',
    words: 'switch each head off in turn and see which one the word hangs on.',
  },
];

/** The view that is open before anybody chose one: being there says nothing about what somebody wants. */
const FIRST_VIEW = 'attention';

/** How the page notes that somebody opened a view. */
function opened(view: string): string {
  return `open-${view}`;
}

/** The first gesture that was not made yet, of those that can be made now; the open view's own come first. */
export function nextTip(done: readonly string[], view: string): Tip | undefined {
  const left = TIPS.filter(
    (tip) =>
      !done.includes(tip.id) && tip.opens !== view && (tip.view === undefined || tip.view === view),
  );
  const own = view === FIRST_VIEW ? undefined : left.find((tip) => tip.view === view);
  return own ?? left[0];
}
