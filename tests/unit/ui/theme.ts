// Colours for figures that are drawn without a page.
import type { FigureTheme } from '../../../src/ui/figure/figure.ts';

export const THEME: FigureTheme = {
  lut: Uint8ClampedArray.from({ length: 768 }, (_, i) => 255 - Math.floor(i / 3)),
  signedLut: new Uint8ClampedArray(768),
  ground: 'white',
  ink: 'black',
  ink2: 'gray',
  accent: 'green',
  warn: 'red',
  edge: 'silver',
  fonts: { mono: 'monospace', sans: 'sans-serif', serif: 'serif' },
};
