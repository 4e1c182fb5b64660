// Changes the rate of a signal that comes in pieces: a windowed sinc, evaluated at each new sample's place.
// After J. O. Smith, "Digital Audio Resampling": the lower rate's bandwidth, a Kaiser window.

const ZERO_CROSSINGS = 32; // on each side
const STEPS = 512; // of the kernel's table between two zero crossings; interpolated linearly
const KAISER_BETA = 9; // side lobes below -90 dB
// The cut-off, as a share of the lower Nyquist rate: flat to 0.83 of it, and nothing of what is above it.
const PASS = 0.915;

const KERNEL = kernel();

export class Resampler {
    /**
     * @param {number} fromHz rate of what is given
     * @param {number} toHz rate of what comes out
     */
    constructor(fromHz, toHz) {
        this.fromHz = fromHz;
        this.toHz = toHz;
        this.scale = Math.min(1, toHz / fromHz) * PASS;
        this.reach = Math.ceil(ZERO_CROSSINGS / this.scale);
        /** What may still be needed, and where in it the next sample lies: `place + part / toHz`. */
        this.kept = new Float32Array(this.reach);
        this.place = this.reach;
        this.part = 0; // whole numbers do not drift, so the size of the pieces changes nothing
    }

    /**
     * The samples that `input` makes possible; the last few milliseconds wait for the next piece.
     *
     * @param {Float32Array} input
     * @returns {Float32Array}
     */
    push(input) {
        if (this.fromHz === this.toHz) return input.slice();
        const all = new Float32Array(this.kept.length + input.length);
        all.set(this.kept);
        all.set(input, this.kept.length);
        const last = all.length - this.reach - 1;
        const output = new Float32Array(Math.ceil(((input.length + 1) * this.toHz) / this.fromHz) + 1);
        let count = 0;
        while (this.place <= last) {
            output[count++] = this.sample(all);
            this.part += this.fromHz;
            const steps = Math.floor(this.part / this.toHz);
            this.place += steps;
            this.part -= steps * this.toHz;
        }
        const drop = Math.min(all.length, this.place - this.reach);
        this.kept = all.slice(drop);
        this.place -= drop;
        return output.subarray(0, count);
    }

    /** @param {Float32Array} all */
    sample(all) {
        const share = this.part / this.toHz;
        const first = this.place - this.reach + 1;
        const end = this.place + this.reach;
        let sum = 0;
        for (let index = first; index <= end; index++) {
            const at = Math.abs(index - this.place - share) * this.scale * STEPS;
            const low = Math.floor(at);
            if (low + 1 >= KERNEL.length) continue;
            const weight = KERNEL[low] + (at - low) * (KERNEL[low + 1] - KERNEL[low]);
            sum += all[index] * weight;
        }
        return sum * this.scale;
    }
}

/** @returns {Float64Array} */
function kernel() {
    const table = new Float64Array(ZERO_CROSSINGS * STEPS + 1);
    for (let index = 0; index < table.length; index++) {
        const x = index / STEPS;
        const sinc = index === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
        const share = x / ZERO_CROSSINGS;
        table[index] = (sinc * bessel(KAISER_BETA * Math.sqrt(1 - share * share))) / bessel(KAISER_BETA);
    }
    return table;
}

/**
 * The modified Bessel function of order zero, by its series.
 *
 * @param {number} x
 */
function bessel(x) {
    let sum = 1;
    let term = 1;
    for (let k = 1; k < 50; k++) {
        term *= (x / (2 * k)) ** 2;
        sum += term;
    }
    return sum;
}
