// The design tokens as a canvas can use them: resolved for light or dark, read again when that changes, or the screen:
// one with more pixels has what hangs on the theme drawn again.
import { useEffect, useState, type RefObject } from 'react';
import type { FigureTheme } from './figure.ts';

const STOPS = 5;
/** Two hues that stay apart for every common kind of colour-blindness; their middle is the paper. */
const SIGNED = ['--less-2', '--less-1', '--heat-0', '--more-1', '--more-2'];

export function useTheme(host: RefObject<HTMLElement | null>): FigureTheme | null {
  const [theme, setTheme] = useState<FigureTheme | null>(null);
  useEffect(() => {
    const read = (): void => {
      if (host.current !== null) setTheme(readTheme(host.current));
    };
    const query = matchMedia('(prefers-color-scheme: dark)');
    query.addEventListener('change', read);
    // A query is of one ratio: the next change needs another.
    let screen: MediaQueryList | null = null;
    const onScreen = (): void => {
      screen?.removeEventListener('change', onScreen);
      screen = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
      screen.addEventListener('change', onScreen);
      read();
    };
    onScreen();
    const observer = new MutationObserver(read);
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      query.removeEventListener('change', read);
      screen?.removeEventListener('change', onScreen);
      observer.disconnect();
    };
  }, [host]);
  return theme;
}

export function readTheme(host: HTMLElement): FigureTheme {
  const probe = document.createElement('span');
  probe.hidden = true;
  // In forced colours too, a map has shades.
  probe.style.setProperty('forced-color-adjust', 'none');
  host.append(probe);
  const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const style = getComputedStyle(probe);
  const rgba = (name: string): Uint8ClampedArray => {
    probe.style.color = `var(${name})`;
    if (context === null) return new Uint8ClampedArray(4);
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = style.color;
    context.fillRect(0, 0, 1, 1);
    return context.getImageData(0, 0, 1, 1).data;
  };
  const css = (name: string): string => {
    const [r = 0, g = 0, b = 0, a = 255] = rgba(name);
    return `rgb(${r} ${g} ${b} / ${(a / 255).toFixed(3)})`;
  };
  const ramp = (names: readonly string[]): Uint8ClampedArray => {
    const stops = names.map(rgba);
    const lut = new Uint8ClampedArray(256 * 3);
    for (let i = 0; i < 256; i++) {
      const position = (i / 255) * (STOPS - 1);
      const low = Math.min(STOPS - 2, Math.floor(position));
      const part = position - low;
      for (let c = 0; c < 3; c++) {
        lut[i * 3 + c] = (stops[low]?.[c] ?? 0) * (1 - part) + (stops[low + 1]?.[c] ?? 0) * part;
      }
    }
    return lut;
  };
  const family = getComputedStyle(host);
  const theme = {
    lut: ramp(Array.from({ length: STOPS }, (_, i) => `--heat-${i}`)),
    signedLut: ramp(SIGNED),
    ground: css('--pane-solid'),
    ink: css('--ink'),
    ink2: css('--ink-2'),
    accent: css('--accent'),
    warn: css('--warn'),
    edge: css('--edge'),
    fonts: {
      mono: family.getPropertyValue('--mono') || 'monospace',
      sans: family.getPropertyValue('--sans') || 'sans-serif',
      serif: family.getPropertyValue('--serif') || 'serif',
    },
  };
  probe.remove();
  return theme;
}
