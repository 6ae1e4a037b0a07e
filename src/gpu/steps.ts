// What devices do alike: the names around steps, and what may be copied, shown in part, read and written.
import { type CopyRange, type Encoder, type Tensor, VIEW_STEP, elementCount } from './device.ts';
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
        return record();
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
  const isElsewhere = (from.viewOf ?? from).id !== (to.viewOf ?? to).id;
  if (from.format === to.format && fits && isWhole && isElsewhere) return;
  const which = range ? `${range.count} elements from ${range.from} of ` : '';
  const where = range ? ` at ${range.to}` : '';
  throw new Error(`${said(at)}${which}${say(from)} cannot be copied to ${say(to)}${where}.`);
}

/** Throws where there can be no view of `of` with this shape from this element on. */
export function checkView(of: Tensor, label: string, shape: readonly number[], from: number): void {
  const count = elementCount(shape);
  const isPlain = of.format === 'f32' || of.format === 'u32';
  const fits = isWithin(from, count, elementCount(of.shape));
  if (isPlain && fits && from % VIEW_STEP === 0 && count % 4 === 0) return;
  throw new Error(
    `${label} (${shape.join(' × ')}) cannot be a view of ${say(of)} from element ${from} on: views are of f32 or u32, ` +
      `begin at multiples of ${VIEW_STEP}, have a multiple of 4 elements, and end where the tensor does.`,
  );
}

/** Throws where a tensor does not have `count` elements from `from` on. */
export function checkElements(at: string, tensor: Tensor, from: number, count: number): void {
  if (from >= 0 && from + count <= elementCount(tensor.shape)) return;
  throw new Error(`${said(at)}${say(tensor)} has no ${count} elements from ${from} on.`);
}

function say({ label, shape, format }: Tensor): string {
  return `${label} (${shape.join(' × ')}, ${format})`;
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
