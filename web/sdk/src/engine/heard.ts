import type { Seen } from "../protocol.gen.js";

/**
 * The newest presence, typing and positions heard, so that the next feed tells only what is newer. A
 * revision counts only once all before it were sent too: live, or at the end of a replay.
 */
export class Heard {
  private node = "";
  private highest = 0;
  private whole?: number;

  /** Revisions of another node mean nothing to this one. */
  welcome(node: string): void {
    if (this.node !== node) [this.node, this.highest, this.whole] = [node, 0, undefined];
  }

  hear(rev: number, live: boolean): void {
    this.highest = Math.max(this.highest, rev);
    if (live) this.whole = this.highest;
  }

  synced(): void {
    if (this.highest > 0) this.whole = this.highest;
  }

  /** This tab may miss some from now on. */
  forget(): void {
    this.whole = undefined;
  }

  get seen(): Seen | undefined {
    return this.whole === undefined ? undefined : { node: this.node, rev: this.whole };
  }
}
