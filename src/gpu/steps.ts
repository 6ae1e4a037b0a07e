// What every encoder does alike: the names around steps, and what may be copied.
import { type CopyRange, type Encoder, type Tensor, elementCount } from './device.ts';
import { said } from './kernel.ts';

/** The names that stand around what is recorded. */
export function createNames(): { readonly now: () => string; readonly within: Encoder['within'] } {
  let now = '';
  return {
    now: () => now,
    within(name, record) {
      const before = now;
      now = before === '' ? name : `${before}.${name}`;
      try {
        record();
      } finally {
        now = before;
      }
    },
  };
}

/** Throws where a tensor, or this range of it, cannot become another by a copy. */
export function checkCopy(at: string, from: Tensor, to: Tensor, range?: CopyRange): void {
  const [count, room] = [elementCount(from.shape), elementCount(to.shape)];
  const fits = range
    ? isWithin(range.from, range.count, count) && isWithin(range.to, range.count, room)
    : count === room;
  const isWhole = !range || from.format === 'f32' || from.format === 'u32';
  if (from.format === to.format && fits && isWhole && from.id !== to.id) return;
  const say = ({ label, shape, format }: Tensor): string =>
    `${label} (${shape.join(' × ')}, ${format})`;
  const which = range ? `${range.count} elements from ${range.from} of ` : '';
  const where = range ? ` at ${range.to}` : '';
  throw new Error(`${said(at)}${which}${say(from)} cannot be copied to ${say(to)}${where}.`);
}

function isWithin(from: number, count: number, length: number): boolean {
  return (
    Number.isInteger(from) &&
    Number.isInteger(count) &&
    from >= 0 &&
    count > 0 &&
    from + count <= length
  );
}
