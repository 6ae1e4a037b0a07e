// The words that the page explains where they first stand; what they mean comes when it is asked for.
export type WordId =
  | 'temperature'
  | 'top_k'
  | 'top_p'
  | 'min_p'
  | 'repetition_penalty'
  | 'max_new_tokens'
  | 'seed'
  | 'stop'
  | 'kept'
  | 'id'
  | 'rank'
  | 'surprise'
  | 'parameters'
  | 'layers'
  | 'heads'
  | 'width'
  | 'precision';
