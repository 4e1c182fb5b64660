// Changes the rate of a signal that comes in pieces: a windowed sinc, evaluated at each new sample's place.
// After J. O. Smith, "Digital Audio Resampling": the lower rate's bandwidth, a Kaiser window.

const ZERO_CROSSINGS = 16; // on each side; the pass band is then flat to 0.9 of the lower Nyquist rate
const STEPS = 512; // of the kernel's table between two zero crossings; interpolated linearly
const KAISER_BETA = 9; // side lobes below -90 dB
const PASS = 0.94; // the cut-off, as a share of the lower Nyquist rate

export class Resampler {
    /**
     * @param {number} fromHz rate of what is given
     * @param {number} toHz rate of what comes out
     */
    constructor(fromHz, toHz) {
        this.step = fromHz / toHz;
        this.scale = Math.min(1, toHz / fromHz) * PASS;
        this.reach = Math.ceil(ZERO_CROSSINGS / this.scale);
        this.kernel = kernel();
        /** What may still be needed, and where in it the next sample lies. */
        this.kept = new Float32Array(this.reach);
        this.place = this.reach;
    }

    /**
     * The samples that `input` makes possible; the last few milliseconds wait for the next piece.
     *
     * @param {Float32Array} input
     * @returns {Float32Array}
     */
    push(input) {
        if (this.step === 1) return input.slice();
        const all = new Float32Array(this.kept.length + input.length);
        all.set(this.kept);
        all.set(input, this.kept.length);
        const last = all.length - this.reach - 1;
        const count = Math.max(0, Math.floor((last - this.place) / this.step) + 1);
        const output = new Float32Array(count);
        for (let index = 0; index < count; index++) {
            output[index] = this.sample(all, this.place + index * this.step);
        }
        this.place += count * this.step;
        const drop = Math.max(0, Math.floor(this.place) - this.reach);
        this.kept = all.slice(drop);
        this.place -= drop;
        return output;
    }

    /**
     * @param {Float32Array} all
     * @param {number} place
     */
    sample(all, place) {
        const first = Math.max(0, Math.ceil(place - this.reach));
        const end = Math.min(all.length - 1, Math.floor(place + this.reach));
        let sum = 0;
        for (let index = first; index <= end; index++) {
            const at = Math.abs(index - place) * this.scale * STEPS;
            const low = Math.floor(at);
            if (low + 1 >= this.kernel.length) continue;
            const weight = this.kernel[low] + (at - low) * (this.kernel[low + 1] - this.kernel[low]);
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
