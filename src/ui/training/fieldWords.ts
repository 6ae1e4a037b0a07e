// What each field does, in one sentence for people who have never seen it.

export interface FieldWords {
  readonly meaning: string;
  /** The same where a model that is there is gone on with, if it is another sentence. */
  readonly goingOn?: string;
}

export const FIELD_WORDS: Readonly<Record<string, FieldWords>> = {
  max_steps: { meaning: 'How many times the weights are changed.' },
  per_device_train_batch_size: {
    meaning:
      'Pieces of the text that are read at the same time; more make a steadier step and take memory.',
  },
  gradient_accumulation_steps: {
    meaning: 'Batches that together make one step: a large step in little memory.',
  },
  block_size: {
    meaning: 'Tokens of each piece that is read; n_ctx at most.',
    goingOn:
      'Tokens of each piece that is read, at most as many as the model sees at once; fewer are faster.',
  },
  learning_rate: {
    meaning: 'How far a step goes; too far and the loss jumps up, too little and nothing happens.',
    goingOn:
      'How far a step goes; less than for a new model, because a large step forgets what it knows before it has learned the text.',
  },
  lr_scheduler_type: { meaning: 'How the rate changes on the way.' },
  warmup_steps: {
    meaning: 'Steps in which the rate rises from 0, so that the first ones do no harm.',
  },
  min_lr: { meaning: 'Where cosine_with_min_lr ends; at most learning_rate.' },
  weight_decay: { meaning: 'Pulls weights towards 0 with each step, against learning by heart.' },
  decay: {
    meaning: 'Which weights it pulls: those of linear layers (mingpt), or all matrices (nanogpt).',
  },
  adam_beta1: { meaning: 'How long AdamW remembers which way gradients point.' },
  adam_beta2: { meaning: 'How long AdamW remembers how large gradients are.' },
  adam_epsilon: { meaning: 'Keeps AdamW from dividing by nothing.' },
  max_grad_norm: { meaning: 'Longer gradients are cut to this length; 0 leaves them as they are.' },
  embd_pdrop: { meaning: 'Share of the embedding that is left out at random while it learns.' },
  attn_pdrop: { meaning: 'Share of the attention that is left out at random while it learns.' },
  resid_pdrop: {
    meaning: 'Share of what each part adds that is left out at random while it learns.',
  },
  seed: { meaning: 'Of everything that is drawn: the same seed and settings give the same run.' },
  logging_steps: { meaning: 'Every how many steps the curve has a point.' },
  eval_steps: { meaning: 'Every how many steps the text that was kept back is read; 0 never.' },
  max_eval_samples: { meaning: 'The most pieces of it that are read each time.' },
  sample_steps: { meaning: 'Every how many steps the model writes something; 0 never.' },
  save_steps: {
    meaning:
      'Every how many steps the run is kept, so that it can go on after a reload; 0 at its end alone.',
  },
  n_layer: { meaning: 'Blocks on top of each other; each reads what the one below has found.' },
  n_head: {
    meaning: 'Heads of each block; each looks for something of its own. They share n_embd.',
  },
  n_embd: {
    meaning: 'Numbers that stand for a token inside the model; more hold more, and cost more.',
  },
  n_ctx: { meaning: 'The most tokens that the model sees at once.' },
  r: {
    meaning:
      'Rank of what the adapter adds to each weight: the higher, the more it can learn, and the more it takes.',
  },
  lora_alpha: {
    meaning: 'How strongly the adapter counts: what it adds is multiplied by lora_alpha / r.',
  },
  kind: {
    meaning:
      'Whose first weights the model has, and whose norms, activation and biases where nobody sets them.',
  },
  n_inner: {
    meaning: 'Width of the MLP of each block, between its two layers; usually four times n_embd.',
  },
  activation_function: {
    meaning: 'What an MLP does with each number between its two layers; GPT-2 has gelu_new.',
  },
  layer_norm_epsilon: {
    meaning: 'Keeps a LayerNorm from dividing by nothing; the larger, the less it evens out.',
  },
  layer_norm_denominator: {
    meaning:
      'A LayerNorm divides by the root of this: the variance, or, as the notebook has it, the standard deviation (std).',
  },
  layer_norm_bias: { meaning: 'Whether a LayerNorm has something to add, besides its scale.' },
  qkv_bias: {
    meaning:
      'Whether queries, keys and values have biases; the notebook’s and nanoGPT’s have none.',
  },
  bias: {
    meaning:
      'Whether all other layers but the head have biases; transformers knows no GPT-2 without, so a saved one has zeros there.',
  },
  scale_attn_weights: {
    meaning:
      'Whether scores of attention are divided by the root of a head’s width, as in every GPT-2.',
  },
  scale_attn_by_inverse_layer_idx: {
    meaning: 'Whether they are divided by the number of their block too, as in Mistral’s GPT-2s.',
  },
  tie_word_embeddings: {
    meaning: 'Whether the head is the table of the embedding itself, which saves a second one.',
  },
  initializer_range: {
    meaning: 'How far around 0 the first weights are drawn: their standard deviation.',
  },
  tokenizer: {
    meaning:
      'What a piece of text is: a letter, a byte, a pair of pieces that comes often here (bpe), or one of GPT-2’s own.',
  },
  vocab_size: {
    meaning:
      'How many different pieces bpe may make; longer pieces mean fewer of them in the text.',
  },
  generator: {
    meaning: 'What draws: philox, or torch, as a program in PyTorch would draw it on a CPU.',
  },
  order: { meaning: 'Which pieces are read: any, each once a pass, or one behind the other.' },
  validation: {
    meaning: 'Share of the text, from its end, that is kept back to see how well unseen text goes.',
  },
  trains: {
    meaning:
      'What learns: all of its parameters, or a LoRA, a small adapter on the attention beside weights that stay as they are.',
  },
};
