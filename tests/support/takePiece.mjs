// How a thread takes a piece of a call (kernels/wasm/share.c).
// @ts-check

/** Takes one, as soon as there is one that nobody has taken. @param {WebAssembly.Memory} memory @param {number} control */
export function takePiece(memory, control) {
  const tickets = new BigUint64Array(memory.buffer, control, 1);
  for (;;) {
    const ticket = Atomics.load(tickets, 0);
    const [pieces, taken] = [(ticket >> 16n) & 0xffffn, ticket & 0xffffn];
    if (taken >= pieces) continue;
    if (Atomics.compareExchange(tickets, 0, ticket, ticket + 1n) === ticket) return;
  }
}
