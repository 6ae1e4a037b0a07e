// share — one call in pieces, done by whichever threads are there.
//
// The engine's thread publishes a call, and does pieces of it itself until none is left; helpers take pieces beside it. A
// piece is taken by counting a ticket up, in one word with the call's number: a helper that comes late finds another number,
// or no piece left, and takes nothing. So nobody waits for a helper that sleeps, and none need be there at all.
//
// Whoever has taken a piece is waited for. One that dies in the middle of it is found out by the clock (gpu/cpu/wasm.ts),
// and the whole call is made again when no helper is left: what a piece computes depends neither on who does it nor on
// what was done of it before.
#include "simd.h"

/** Does one `of` equal pieces; `scratch` is memory of the thread that does it. */
#define KERNEL(name) extern void name(const void *parameters, u32 piece, u32 of, float *scratch);
KERNEL(linear)
KERNEL(attention)
KERNEL(attentionScores)
KERNEL(attentionStatistics)
KERNEL(topToken)
KERNEL(crossEntropy)
KERNEL(linearBackward)
KERNEL(activationBackward)
KERNEL(dropoutMask)
KERNEL(dropped)
KERNEL(addDropped)
KERNEL(gradientSquares)
KERNEL(attentionTraining)
KERNEL(attentionBackwardQueries)
KERNEL(attentionBackwardKeys)
KERNEL(layerNorm)
KERNEL(layerNormBackwardInput)
KERNEL(layerNormBackwardWeight)
KERNEL(activation)

/** Where threads meet, in the shared memory. */
typedef struct {
  /** The call's number (32 bits), its pieces (16), and how many of them are taken (16). */
  u64 ticket;
  u32 kernel, parameters;
  /** Scratch memory of thread 0, and how far each thread's is from the one before. */
  u32 scratch, scratchBytes;
  u32 done, stop;
} Control;

INLINE u32 numberOf(u64 ticket) { return (u32)(ticket >> 32); }
INLINE u32 piecesOf(u64 ticket) { return (u32)(ticket >> 16) & 0xffff; }
INLINE u32 takenOf(u64 ticket) { return (u32)ticket & 0xffff; }

/** In bytes. Where an operating system has larger ones, some are touched again. */
#define SYSTEM_PAGE 4096

/**
 * Touches each page of new memory: the operating system gives it then, which takes longer than writing there. Nothing is
 * changed, whoever writes there meanwhile.
 */
static void touch(const void *parameters, u32 piece, u32 of) {
  const struct { u32 at, bytes; } *p = parameters;
  u32 pages = p->bytes / SYSTEM_PAGE, end = startOf(pages, piece + 1, of);
  for (u32 page = startOf(pages, piece, of); page < end; page++) {
    __atomic_fetch_or((u32 *)(p->at + page * SYSTEM_PAGE), 0, __ATOMIC_RELAXED);
  }
}

__attribute__((noinline)) static void run(Control *c, u32 piece, u32 of, u32 thread) {
  const void *p = (const void *)c->parameters;
  float *scratch = (float *)(c->scratch + thread * c->scratchBytes);
  // By name and not through a table: then the compiler sees who is called, and inlines nothing twice.
  switch (c->kernel) {
    case 0: linear(p, piece, of, scratch); break;
    case 1: attention(p, piece, of, scratch); break;
    case 2: attentionScores(p, piece, of, scratch); break;
    case 3: attentionStatistics(p, piece, of, scratch); break;
    case 4: topToken(p, piece, of, scratch); break;
    case 5: crossEntropy(p, piece, of, scratch); break;
    case 6: touch(p, piece, of); break;
    case 7: linearBackward(p, piece, of, scratch); break;
    case 9: activationBackward(p, piece, of, scratch); break;
    case 20: dropoutMask(p, piece, of, scratch); break;
    case 21: dropped(p, piece, of, scratch); break;
    case 22: addDropped(p, piece, of, scratch); break;
    case 23: gradientSquares(p, piece, of, scratch); break;
    case 10: attentionTraining(p, piece, of, scratch); break;
    case 11: attentionBackwardQueries(p, piece, of, scratch); break;
    case 12: attentionBackwardKeys(p, piece, of, scratch); break;
    case 13: layerNorm(p, piece, of, scratch); break;
    case 14: layerNormBackwardInput(p, piece, of, scratch); break;
    case 15: layerNormBackwardWeight(p, piece, of, scratch); break;
    case 18: activation(p, piece, of, scratch); break;
  }
}

/** Takes a piece and does it; false where none is left. */
INLINE int takeOne(Control *c, u64 ticket, u32 thread) {
  u32 taken = takenOf(ticket), of = piecesOf(ticket);
  if (taken >= of) return 0;
  if (__atomic_compare_exchange_n(&c->ticket, &ticket, ticket + 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    // This call cannot end before its piece: what it says of the call is still true.
    run(c, taken, of, thread);
    __atomic_fetch_add(&c->done, 1, __ATOMIC_SEQ_CST);
  }
  return 1;
}

/** Publishes a call for whoever has time. Nothing else may be published before it was withdrawn. */
__attribute__((export_name("offer"))) void offer(Control *c, u32 kernel, u32 parameters, u32 pieces) {
  u64 last = __atomic_load_n(&c->ticket, __ATOMIC_SEQ_CST);
  c->kernel = kernel;
  c->parameters = parameters;
  __atomic_store_n(&c->done, 0, __ATOMIC_SEQ_CST);
  __atomic_store_n(&c->ticket, ((last >> 32) + 1) << 32 | (u64)pieces << 16, __ATOMIC_SEQ_CST);
  __builtin_wasm_memory_atomic_notify((int *)&c->ticket + 1, ~0u);
}

/** Takes back what pieces of an offer nobody has taken: it has as many as were taken then, and `await` waits for those. */
__attribute__((export_name("withdraw"))) void withdraw(Control *c) {
  u64 ticket = __atomic_load_n(&c->ticket, __ATOMIC_SEQ_CST), all;
  do all = ticket >> 32 << 32 | takenOf(ticket) << 16 | takenOf(ticket);
  while (!__atomic_compare_exchange_n(&c->ticket, &ticket, all, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
}

/** Publishes a call and does what pieces of it nobody else takes. Gives how many others have still to end. */
__attribute__((export_name("share"))) u32 share(Control *c, u32 kernel, u32 parameters, u32 pieces) {
  if (pieces == 1) {
    c->kernel = kernel;
    c->parameters = parameters;
    run(c, 0, 1, 0);
    return 0;
  }
  offer(c, kernel, parameters, pieces);
  while (takeOne(c, __atomic_load_n(&c->ticket, __ATOMIC_SEQ_CST), 0)) {
  }
  return pieces - __atomic_load_n(&c->done, __ATOMIC_SEQ_CST);
}

/** Looks again and again whether the others have ended; gives how many have not after `looks`. */
__attribute__((export_name("await"))) u32 await(Control *c, u32 looks) {
  u32 pieces = piecesOf(__atomic_load_n(&c->ticket, __ATOMIC_SEQ_CST));
  u32 left = 1;
  while (left && looks--) left = pieces - __atomic_load_n(&c->done, __ATOMIC_SEQ_CST);
  return left;
}

/** A helper's life: takes pieces, looks for the next call a while, then sleeps. Ends where it is told to stop. */
__attribute__((export_name("help"))) void help(Control *c, u32 thread, u32 looks) {
  u32 idle = 0;
  while (!__atomic_load_n(&c->stop, __ATOMIC_SEQ_CST)) {
    u64 ticket = __atomic_load_n(&c->ticket, __ATOMIC_SEQ_CST);
    if (takeOne(c, ticket, thread)) idle = 0;
    else if (idle++ >= looks) {
      // As long as no other call is published.
      __builtin_wasm_memory_atomic_wait32((int *)&c->ticket + 1, (int)numberOf(ticket), -1);
      idle = 0;
    }
  }
}
