// Where the parts of the machine stand: from left to right where there is room, else from top to bottom. CSS pixels.

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface MachineLayout {
  readonly width: number;
  readonly height: number;
  /** Whether it reads from left to right. */
  readonly isWide: boolean;
  readonly words: Box;
  readonly pieces: Box;
  readonly numbers: Box;
  readonly layers: readonly { readonly attention: Box; readonly mlp: Box }[];
  /** (L + 1) one a depth. */
  readonly guesses: readonly Box[];
  /** (L + 1) where the stream is at each depth. */
  readonly stream: readonly (readonly [x: number, y: number])[];
  /** Half as wide as the stream may become. */
  readonly streamRoom: number;
  readonly odds: Box;
  readonly dice: Box;
}

/** Narrower than this, or with columns narrower than the next, it reads downwards. */
const LEAST_WIDE = 640;
const LEAST_COLUMN = 9;

export function layoutMachine(width: number, nLayer: number): MachineLayout {
  return layoutWide(width, nLayer) ?? layoutTall(width, nLayer);
}

/** For the line that leads back to the beginning. */
const MARGIN = 18;

function layoutWide(width: number, nLayer: number): MachineLayout | null {
  const left = Math.round(Math.max(132, Math.min(176, width * 0.165)));
  const right = Math.round(Math.max(150, Math.min(196, width * 0.19)));
  const gap = 26;
  const first = 62;
  const start = MARGIN + left + gap;
  const column = (width - right - gap - start - first) / nLayer;
  if (width < LEAST_WIDE || column < LEAST_COLUMN) return null;
  const space = column > 24 ? 5 : column > 14 ? 3 : 2;
  const part = 60;
  const [attention, middle, mlp, guess] = [18, 97, 116, 194];
  const bottom = 248;
  const at = (layer: number): number => start + first + layer * column;
  const side = (row: number): Box => ({ x: MARGIN, y: 2 + row * 87, width: left, height: 72 });
  return {
    width,
    height: bottom + 20,
    isWide: true,
    words: side(0),
    pieces: side(1),
    numbers: side(2),
    layers: Array.from({ length: nLayer }, (_, l) => {
      const [x, wide] = [at(l) + space / 2, column - space];
      return {
        attention: { x, y: attention, width: wide, height: part },
        mlp: { x, y: mlp, width: wide, height: part },
      };
    }),
    guesses: Array.from({ length: nLayer + 1 }, (_, d) => ({
      x: d === 0 ? start : at(d - 1),
      y: guess,
      width: d === 0 ? first : column,
      height: bottom - guess,
    })),
    stream: Array.from({ length: nLayer + 1 }, (_, d) => [
      d === 0 ? start + first / 2 : at(d - 1) + column / 2,
      middle,
    ]),
    streamRoom: 11,
    odds: { x: width - right, y: 2, width: right - 1, height: 152 },
    dice: { x: width - right, y: 176, width: right - 1, height: 72 },
  };
}

function layoutTall(width: number, nLayer: number): MachineLayout {
  const x = MARGIN;
  const whole = width - x - 1;
  const top = (y: number, height: number): Box => ({ x, y, width: whole, height });
  const [words, pieces, numbers] = [top(2, 72), top(92, 72), top(182, 72)];
  const row = nLayer > 24 ? 26 : 32;
  const begin = 298;
  const name = 26;
  const part = Math.round(Math.min(120, (whole - name) * 0.21));
  const middle = x + name + part + 16;
  const mlp = middle + 16;
  const guess = mlp + part + 10;
  const at = (depth: number): number => begin + depth * row;
  const end = at(nLayer + 1) + 28;
  return {
    width,
    height: end + 152 + 24 + 72 + 20,
    isWide: false,
    words,
    pieces,
    numbers,
    layers: Array.from({ length: nLayer }, (_, l) => ({
      attention: { x: x + name, y: at(l + 1) + 2, width: part, height: row - 4 },
      mlp: { x: mlp, y: at(l + 1) + 2, width: part, height: row - 4 },
    })),
    guesses: Array.from({ length: nLayer + 1 }, (_, d) => ({
      x: guess,
      y: at(d),
      width: width - 1 - guess,
      height: row,
    })),
    stream: Array.from({ length: nLayer + 1 }, (_, d) => [middle, at(d) + row / 2]),
    streamRoom: 10,
    odds: top(end, 152),
    dice: top(end + 176, 72),
  };
}
