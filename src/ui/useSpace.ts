// The pixels there are for a drawing: its column's width, and what the fold leaves of the height.
import { useLayoutEffect, useState, type RefObject } from 'react';

export interface Space {
  readonly width: number;
  readonly room: number;
  /** Views stand under each other, and the page scrolls. */
  readonly narrow: boolean;
}

/** As in the style sheets. */
const NARROW = 800;

/** `below` pixels stay free under the drawing; it gets `least` at least. */
export function useSpace(
  frame: RefObject<HTMLElement | null>,
  below: number,
  least: number,
): Space {
  const [space, setSpace] = useState<Space>({ width: 0, room: least, narrow: false });
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const measure = (): void => {
      const width = Math.floor(element.clientWidth);
      const top = element.getBoundingClientRect().top + scrollY;
      const left = Math.floor(innerHeight - top - below);
      // Far down a narrow page the fold says nothing.
      const narrow = innerWidth < NARROW;
      const room = Math.max(least, narrow ? Math.round(innerHeight * 0.5) : left);
      setSpace((old) =>
        old.width === width && old.room === room && old.narrow === narrow
          ? old
          : { width, room, narrow },
      );
    };
    measure();
    const text = document.querySelector('[data-region="text"]');
    const observer = new ResizeObserver(measure);
    // Whatever appears or goes above the drawing moves one of these.
    for (const part of [element, document.body, element.closest('main'), text]) {
      if (part !== null) observer.observe(part);
    }
    addEventListener('resize', measure);
    return () => {
      observer.disconnect();
      removeEventListener('resize', measure);
    };
  }, [frame, below, least]);
  return space;
}
