// Random numbers that a seed repeats; the seed is printed.

/** @param {number} seed */
export function chanceOf(seed) {
    console.log(`seed ${seed}`);
    let state = seed >>> 0;
    const next = () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
        mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
    const upTo = (/** @type {number} */ most) => Math.floor(next() * (most + 1));
    return { next, upTo };
}

export const anySeed = () => Number(process.env.VOICEHUB_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
