// Runs on the audio thread: plays what `Playout` gives, at the rate of the audio's context, and tells how far it is.

import { RATE_HZ, SAMPLES_PER_MS, fromPcm } from './pcm.js';
import { Playout } from './playout.js';
import { Resampler } from './resampler.js';

const REPORT_SAMPLES = 40 * SAMPLES_PER_MS;
const BLOCK_SAMPLES = 64; // taken at a time where the rate has to be changed

class Speaker extends AudioWorkletProcessor {
    constructor() {
        super();
        this.playout = new Playout();
        this.resampler = new Resampler(RATE_HZ, sampleRate);
        this.block = new Float32Array(BLOCK_SAMPLES);
        /** @type {Float32Array} */
        this.rest = new Float32Array(0);
        this.since = 0;
        this.level = 0;
        this.wasPlaying = false;
        this.port.onmessage = ({ data }) => this.obey(data);
    }

    /** @param {any} order */
    obey(order) {
        if (order.kind === 'audio') {
            const samples = fromPcm(new Int16Array(order.pcm));
            this.playout.add({ item: order.item, contentIndex: order.contentIndex, samples });
        } else if (order.kind === 'end') {
            this.playout.end(order.item);
        } else if (order.kind === 'cut') {
            this.port.postMessage({ kind: 'cut', cut: this.playout.cut() });
        }
    }

    /**
     * @param {Float32Array[][]} _inputs
     * @param {Float32Array[][]} outputs
     */
    process(_inputs, outputs) {
        const [output, ...others] = outputs[0];
        if (sampleRate === RATE_HZ) this.take(output);
        else this.fill(output);
        for (const other of others) other.set(output);
        if (this.since >= REPORT_SAMPLES || this.playout.isPlaying !== this.wasPlaying) this.report();
        return true;
    }

    /** @param {Float32Array} samples at 24 kHz */
    take(samples) {
        this.level = Math.max(this.level, this.playout.take(samples));
        this.since += samples.length;
    }

    /** @param {Float32Array} output at another rate */
    fill(output) {
        for (let filled = 0; filled < output.length; ) {
            if (!this.rest.length) {
                this.take(this.block);
                this.rest = this.resampler.push(this.block);
            }
            const head = this.rest.subarray(0, output.length - filled);
            output.set(head, filled);
            filled += head.length;
            this.rest = this.rest.subarray(head.length);
        }
    }

    report() {
        const { playout, level } = this;
        const item = playout.queue[0]?.item ?? null;
        const heardMs = item === null ? 0 : (playout.heard.get(item) ?? 0) / SAMPLES_PER_MS;
        const queuedMs = playout.queued / SAMPLES_PER_MS;
        this.port.postMessage({
            kind: 'report',
            level,
            isPlaying: playout.isPlaying,
            item,
            heardMs,
            queuedMs,
            gaps: playout.gaps,
        });
        this.wasPlaying = playout.isPlaying;
        this.since = 0;
        this.level = 0;
    }
}

registerProcessor('speaker', Speaker);
