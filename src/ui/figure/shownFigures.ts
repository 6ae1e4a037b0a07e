// The figures that the page shows now, for whoever wants all of them: paper.
import type { Figure } from './figure.ts';

const shown = new Map<HTMLElement, () => Figure>();

/** The figure stands on the page, at `host`, until the returned function is called. */
export function showFigure(host: HTMLElement, figure: () => Figure): () => void {
  shown.set(host, figure);
  return () => shown.delete(host);
}

/** Those within an element that can be drawn now, in the order of the page. */
export function figuresIn(place: Element): Figure[] {
  const inside = [...shown].filter(([host]) => place.contains(host));
  inside.sort(([a], [b]) =>
    a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1,
  );
  return inside.flatMap(([, figure]) => {
    try {
      return [figure()];
    } catch {
      // Its numbers are on their way, or could not be had: the page says so.
      return [];
    }
  });
}
