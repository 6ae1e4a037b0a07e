// Which part of a long text the model sees.

/**
 * Where the window of a model with a context of `capacity` tokens starts for a text of `length`. It
 * depends on the length alone, so that a text reads the same whether it grew or came in whole: up to
 * the context all of it is seen; one token more, and the last half is read again, and so on each
 * time that is full.
 */
export function windowStart(length: number, capacity: number): number {
  if (length <= capacity) return 0;
  const half = Math.max(1, Math.floor(capacity / 2));
  // The window is full again each time the text has grown by this much.
  const step = capacity + 1 - half;
  return step * (1 + Math.floor((length - capacity - 1) / step));
}
