// 16-bit samples, as they travel, and the floats that browsers work with.

export const RATE_HZ = 24000;
export const SAMPLES_PER_MS = RATE_HZ / 1000;

/**
 * @param {Float32Array} samples between -1 and 1; what is beyond is clipped
 * @returns {Int16Array}
 */
export function toPcm(samples) {
    const pcm = new Int16Array(samples.length);
    for (let index = 0; index < samples.length; index++) {
        pcm[index] = Math.round(Math.max(-1, Math.min(1, samples[index])) * 32767);
    }
    return pcm;
}

/**
 * @param {Int16Array} pcm
 * @returns {Float32Array}
 */
export function fromPcm(pcm) {
    const samples = new Float32Array(pcm.length);
    for (let index = 0; index < pcm.length; index++) samples[index] = pcm[index] / 32768;
    return samples;
}

/**
 * The loudness of some samples: their root mean square, between 0 and 1.
 *
 * @param {Float32Array} samples
 */
export function loudness(samples) {
    let sum = 0;
    for (const sample of samples) sum += sample * sample;
    return samples.length ? Math.sqrt(sum / samples.length) : 0;
}
