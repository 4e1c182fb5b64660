// Runs on the audio thread of a page under test: gives away what its loudspeaker plays.

const PIECE_SAMPLES = 2400;

class Tap extends AudioWorkletProcessor {
    constructor() {
        super();
        this.samples = new Float32Array(PIECE_SAMPLES);
        this.filled = 0;
        this.sounded = 0;
    }

    process([[channel]]) {
        for (const sample of channel ?? new Float32Array(128)) {
            this.samples[this.filled++] = sample;
            if (sample !== 0) this.sounded++;
            if (this.filled === PIECE_SAMPLES) this.give();
        }
        return true;
    }

    give() {
        this.port.postMessage({ samples: this.samples.slice(), sounded: this.sounded });
        this.filled = 0;
        this.sounded = 0;
    }
}

registerProcessor('tap', Tap);
