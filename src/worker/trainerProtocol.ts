// What crosses between the page and the trainer's worker: the treaty of `Trainer`, by the names of a channel.
import type {
  DeviceRequest,
  DrawEvent,
  DrawRequest,
  ReceiptEvent,
  ReceiptRequest,
  RunEvent,
  RunExportRequest,
  RunFileEvent,
  RunRequest,
  TrainerQuestion,
  TrainerQuestions,
} from '../api.ts';
import type { Treaty } from './channel.ts';

/** The name by which the workers' file knows that it is to be the trainer. */
export const TRAINER_NAME = 'glass-gpt trainer';

/** What a worker does not know of its page. */
export interface TrainerPage {
  /** Its address. */
  readonly base: string;
  /** Where it computes, and what trains there with it. */
  readonly device?: DeviceRequest;
  /** A lock that the worker holds as long as it lives: a browser that ends one tells nobody. */
  readonly alive?: string;
}

export interface TrainerTreaty extends Treaty {
  readonly calls: {
    ask: {
      input: {
        [Q in TrainerQuestion]: { question: Q; input: TrainerQuestions[Q]['input'] };
      }[TrainerQuestion];
      answer: TrainerQuestions[TrainerQuestion]['answer'];
    };
    /** Before all else. */
    begin: { input: TrainerPage; answer: null };
  };
  readonly streams: {
    train: { request: RunRequest; event: RunEvent };
    exportRun: { request: RunExportRequest; event: RunFileEvent; pulled: true };
    checkReceipt: { request: ReceiptRequest; event: ReceiptEvent };
    draw: { request: DrawRequest; event: DrawEvent };
  };
  readonly news: never;
}
