// A run that a link makes, for tests that begin where its settings are chosen.

/** The sums, tiny and quick: a step takes a few milliseconds. */
export const SUMS = {
  v: '1',
  task: 'add',
  tokenizer: 'characters',
  n_layer: '1',
  n_head: '2',
  n_embd: '32',
  n_ctx: '32',
  block_size: '32',
  per_device_train_batch_size: '4',
  learning_rate: '0.01',
  min_lr: '0.001',
  warmup_steps: '2',
  prompt: '1+2=',
};

/** Where the workspace that trains opens with these settings. */
export function trainAt(settings: Readonly<Record<string, string>>, device = 'cpu'): string {
  const run = new URLSearchParams(settings).toString();
  return `?device=${device}#${new URLSearchParams({ workspace: 'train', run }).toString()}`;
}
