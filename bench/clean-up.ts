/** Steps that undo what was started, run last first. Node 20 has no AsyncDisposableStack. */

export class CleanUp implements AsyncDisposable {
  readonly #steps: (() => Promise<void>)[] = [];

  defer(step: () => Promise<void>): void {
    this.#steps.push(step);
  }

  /** Runs each step once, whoever asks and however often; a step that fails does not keep the others from running. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      await step().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, "not everything could be cleaned up");
  }
}
