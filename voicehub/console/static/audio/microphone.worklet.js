// Runs on the audio thread: what the microphone hears, at 24 kHz, in pieces of 40 ms.

import { RATE_HZ, SAMPLES_PER_MS, loudness, toPcm } from './pcm.js';
import { Resampler } from './resampler.js';

const PIECE_SAMPLES = 40 * SAMPLES_PER_MS;

class Microphone extends AudioWorkletProcessor {
    constructor() {
        super();
        this.resampler = new Resampler(sampleRate, RATE_HZ);
        this.piece = new Float32Array(PIECE_SAMPLES);
        this.filled = 0;
        this.isMuted = false;
        this.port.onmessage = ({ data }) => {
            this.isMuted = data.isMuted;
        };
    }

    /** @param {Float32Array[][]} inputs */
    process(inputs) {
        const [channel] = inputs[0];
        // Without a device the node goes on, and the server's clock with it: silence.
        const samples = channel && !this.isMuted ? channel : new Float32Array(128);
        for (const sample of this.resampler.push(samples)) {
            this.piece[this.filled++] = sample;
            if (this.filled === PIECE_SAMPLES) this.send();
        }
        return true;
    }

    send() {
        const { buffer } = toPcm(this.piece);
        this.port.postMessage({ pcm: buffer, level: loudness(this.piece) }, [buffer]);
        this.filled = 0;
    }
}

registerProcessor('microphone', Microphone);
