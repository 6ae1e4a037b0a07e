// What a word is, where words of a sample are counted and looked for in a text.

/** Letters with their marks and digits; an apostrophe within belongs to it. */
export const WORD = /[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}]+)*/gu;
