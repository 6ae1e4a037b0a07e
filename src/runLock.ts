// The lock of who trains a run, for the engine that takes it and the page that asks whether anybody has it.

export function runLock(id: string): string {
  return `glass-gpt run ${id}`;
}
