/** Where RDRAND's bits come from: the host's generator, or a seeded one so that a run with the virtual clock repeats. */
export type Random32 = () => number;

/** Unpredictable words from the host's cryptographic generator, fetched in batches. */
export function hostEntropy(): Random32 {
  const pool = new Uint32Array(256);
  let next = pool.length;
  return () => {
    if (next === pool.length) {
      crypto.getRandomValues(pool);
      next = 0;
    }
    return pool[next++] | 0;
  };
}

/** A repeatable sequence. Source: G. Marsaglia, "Xorshift RNGs" (2003), the 32-bit triple 13, 17, 5. */
export function seededEntropy(seed: number): Random32 {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  };
}
