// Sentences that change in place, and are never of the same length: what stands below them is not to move each time.
import { useLayoutEffect, useRef, type RefObject } from 'react';

interface KeptHeight {
  /** Around the other one: keeps the height. */
  readonly outer: RefObject<HTMLDivElement | null>;
  /** Around what changes. */
  readonly inner: RefObject<HTMLDivElement | null>;
}

/** The outer element stays as high as the inner one was at most, until its width is another. */
export function useKeptHeight(): KeptHeight {
  const outer = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const [frame, content] = [outer.current, inner.current];
    if (frame === null || content === null) return;
    let width = 0;
    let kept = 0;
    // The inner one is watched, whose height does not hang on what is set here.
    const observer = new ResizeObserver(() => {
      const { offsetWidth, offsetHeight } = content;
      const most = offsetWidth === width ? Math.max(kept, offsetHeight) : offsetHeight;
      width = offsetWidth;
      if (most === kept) return;
      kept = most;
      frame.style.minHeight = `${most}px`;
    });
    observer.observe(content);
    return () => observer.disconnect();
  }, []);
  return { outer, inner };
}
