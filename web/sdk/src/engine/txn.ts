import type { TxnId } from "../protocol.gen.js";

/**
 * Mints `txn_id`s: UUIDv7 (RFC 9562 §5.7), whose 12 bits after the time count up within a
 * millisecond, so that ids sort as they were composed even when the clock stands or jumps back.
 */
export class TxnMint {
  private last = 0;
  private count = 0;

  /** `wall` is in milliseconds since 1970, `random` ten bytes of entropy. */
  mint(wall: number, random: Uint8Array): TxnId {
    const ms = Math.floor(wall);
    if (ms > this.last) [this.last, this.count] = [ms, 0];
    else if (++this.count > 0xfff) [this.last, this.count] = [this.last + 1, 0];
    const bytes = [...random.subarray(2, 10)].map((byte) => byte.toString(16).padStart(2, "0"));
    bytes[0] = (((random[2] ?? 0) & 0x3f) | 0x80).toString(16);
    const time = this.last.toString(16).padStart(12, "0");
    const counter = this.count.toString(16).padStart(3, "0");
    const tail = bytes.join("");
    return `${time.slice(0, 8)}-${time.slice(8)}-7${counter}-${tail.slice(0, 4)}-${tail.slice(4)}`;
  }

  /** Later ids sort after this one, which another tab or an earlier page minted. */
  follow(txn: TxnId): void {
    const hex = txn.replaceAll("-", "");
    const ms = Number.parseInt(hex.slice(0, 12), 16);
    if (!/^[0-9a-f]{12}7[0-9a-f]{19}$/.test(hex) || ms < this.last) return;
    const count = Number.parseInt(hex.slice(13, 16), 16);
    this.count = ms > this.last ? count : Math.max(this.count, count);
    this.last = ms;
  }
}
