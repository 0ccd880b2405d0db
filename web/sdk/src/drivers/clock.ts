/** Milliseconds that never run back; what every machine's `now` is. */
export const now = (): number => performance.now();

/** The device's clock, in milliseconds since 1970: to show, and to make ids of. */
export const wall = (): number => Date.now();

/** One timer, set to whatever is due first. */
export class Alarm {
  private timer?: ReturnType<typeof setTimeout>;
  private at?: number;

  constructor(private readonly ring: () => void) {}

  /** `at` as {@link now}; `undefined` silences it. */
  set(at: number | undefined): void {
    if (at === this.at) return;
    clearTimeout(this.timer);
    this.at = at;
    if (at === undefined) return;
    // Rounded up: a timer that fires early would find nothing due, and be set again and again.
    this.timer = setTimeout(
      () => {
        this.at = undefined;
        this.ring();
      },
      Math.max(0, Math.ceil(at - now())),
    );
  }
}
