// The cases of the conformance pack that are whole folders; apart, because browsers need the list too.

export const PACK_CASES = [
  'notebook',
  'notebook-variance',
  'mingpt',
  'nanogpt-nobias',
  'nanogpt-bias',
  'gpt2',
  'gpt2-head64',
  'gpt2-12x12',
] as const;

/** Whole runs of training from a seed. */
export const PACK_RUNS = ['seeded/notebook', 'seeded/mingpt', 'seeded/nanogpt', 'learns'] as const;
