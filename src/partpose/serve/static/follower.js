// The generator follows what is changed: one request at a time, and always for how things are when it begins.

export class Follower {
  /** ask() is a promise of what is shown by show(result, milliseconds); fail(error) is told what went wrong. */
  constructor(ask, show, fail) {
    Object.assign(this, { ask, show, fail, running: null, again: false });
  }

  /** Something was changed. Resolves when it is shown. */
  follow() {
    this.again = true;
    this.running ??= this.run().finally(() => { this.running = null; });
    return this.running;
  }

  async run() {
    while (this.again) {
      this.again = false;
      const began = performance.now();
      try {
        this.show(await this.ask(), performance.now() - began);
      } catch (error) {
        this.fail(error);
      }
    }
  }
}
