/** A set of interrupt vectors, 0-255: IRR, ISR and TMR of a local APIC. Eight registers of 32 bits, vector 0 lowest. */
export class VectorSet {
  readonly words = new Uint32Array(8);

  clear(): void {
    this.words.fill(0);
  }

  has(vector: number): boolean {
    return ((this.words[vector >> 5] >>> (vector & 31)) & 1) !== 0;
  }

  add(vector: number): void {
    this.words[vector >> 5] |= 1 << (vector & 31);
  }

  delete(vector: number): void {
    this.words[vector >> 5] &= ~(1 << (vector & 31));
  }

  /** The vector with the highest priority, -1 if the set is empty. */
  highest(): number {
    for (let n = 7; n >= 0; n--) if (this.words[n] !== 0) return n * 32 + 31 - Math.clz32(this.words[n]);
    return -1;
  }
}
