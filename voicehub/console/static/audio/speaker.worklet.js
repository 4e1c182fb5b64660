// Runs on the audio thread, at 24 kHz: plays what `Playout` gives, and tells how far it is.

import { SAMPLES_PER_MS, fromPcm } from './pcm.js';
import { Playout } from './playout.js';

const REPORT_SAMPLES = 40 * SAMPLES_PER_MS;

class Speaker extends AudioWorkletProcessor {
    constructor() {
        super();
        this.playout = new Playout();
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
        this.level = Math.max(this.level, this.playout.take(output));
        for (const other of others) other.set(output);
        this.since += output.length;
        if (this.since >= REPORT_SAMPLES || this.playout.isPlaying !== this.wasPlaying) this.report();
        return true;
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
