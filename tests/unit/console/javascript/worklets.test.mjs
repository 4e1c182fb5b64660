import assert from 'node:assert/strict';
import { test } from 'node:test';

const BLOCK = 128;

/** What the audio thread has; the processors that are registered in it. @type {Record<string, any>} */
const processors = {};
Object.assign(globalThis, {
    sampleRate: 48_000,
    AudioWorkletProcessor: class {
        constructor() {
            /** @type {any[]} */
            this.given = [];
            this.port = { postMessage: (/** @type {any} */ message) => this.given.push(message) };
        }
    },
    registerProcessor: (/** @type {string} */ name, /** @type {any} */ processor) => {
        processors[name] = processor;
    },
});
await import('../../../../voicehub/console/static/audio/microphone.worklet.js');
await import('../../../../voicehub/console/static/audio/speaker.worklet.js');

/** @param {string} name @param {number} rate */
function made(name, rate) {
    Object.assign(globalThis, { sampleRate: rate });
    return new processors[name]();
}

const sine = (/** @type {number} */ rate, /** @type {number} */ count, from = 0) => Float32Array.from({ length: count }, (_, index) => 0.5 * Math.sin((2 * Math.PI * 440 * (from + index)) / rate));

/** Power of `found` against a sine of 440 Hz of any phase. @param {Float32Array} found @param {number} rate */
function errorDb(found, rate) {
    let [inPhase, across] = [0, 0];
    const angle = (/** @type {number} */ index) => (2 * Math.PI * 440 * index) / rate;
    found.forEach((sample, index) => {
        inPhase += (2 * sample * Math.sin(angle(index))) / found.length;
        across += (2 * sample * Math.cos(angle(index))) / found.length;
    });
    assert.ok(Math.abs(Math.hypot(inPhase, across) - 0.5) < 0.002, `amplitude ${Math.hypot(inPhase, across)}`);
    const error = found.reduce((sum, sample, index) => sum + (sample - inPhase * Math.sin(angle(index)) - across * Math.cos(angle(index))) ** 2, 0);
    return 10 * Math.log10(error / found.length / 0.125);
}

for (const rate of [16_000, 24_000, 44_100, 48_000, 96_000]) {
    test(`a loudspeaker of ${rate} Hz plays what was given, and tells how far it is by the server's clock`, () => {
        const speaker = made('speaker', rate);
        const pcm = Int16Array.from(sine(24_000, 24_000), (sample) => Math.round(sample * 32_767)).buffer;
        speaker.port.onmessage({ data: { kind: 'audio', item: 'a', contentIndex: 0, pcm } });
        const heard = new Float32Array(Math.floor((0.8 * rate) / BLOCK) * BLOCK);
        for (let at = 0; at < heard.length; at += BLOCK) assert.equal(speaker.process([], [[heard.subarray(at, at + BLOCK)]]), true);
        // Whole periods of it: 440 Hz has 44 of them in 100 ms.
        assert.ok(errorDb(heard.slice(Math.round(0.1 * rate), Math.round(0.7 * rate)), rate) < -60);
        const { heardMs, isPlaying } = speaker.given.at(-1);
        assert.equal(isPlaying, true);
        assert.ok(heardMs > 740 && heardMs < 820, `${heardMs} ms`);
        assert.ok(speaker.given.length >= 17 && speaker.given.length <= 22, `${speaker.given.length} reports`);
        speaker.port.onmessage({ data: { kind: 'cut' } });
        assert.equal(speaker.given.at(-1).cut.item, 'a');
    });

    test(`a microphone of ${rate} Hz gives 40 ms of 24 kHz at a time`, () => {
        const microphone = made('microphone', rate);
        const signal = sine(rate, Math.floor(rate / BLOCK) * BLOCK);
        for (let at = 0; at < signal.length; at += BLOCK) microphone.process([[signal.subarray(at, at + BLOCK)]]);
        const pieces = microphone.given.map((/** @type {any} */ each) => new Int16Array(each.pcm));
        assert.ok(pieces.length >= 23 && pieces.length <= 25);
        for (const piece of pieces) assert.equal(piece.length, 960);
        const heard = Float32Array.from(pieces.flatMap((/** @type {Int16Array} */ piece) => [...piece]), (sample) => sample / 32_767);
        assert.ok(errorDb(heard.slice(2400, 2400 + 14_400), 24_000) < -60);
        assert.ok(Math.abs(microphone.given.at(-1).level - 0.5 / Math.SQRT2) < 0.01);
    });
}

test('a microphone that is muted, or gone, gives silence and keeps the clock', () => {
    const microphone = made('microphone', 48_000);
    microphone.port.onmessage({ data: { isMuted: true } });
    for (let count = 0; count < 75; count++) microphone.process([[sine(48_000, BLOCK)]]);
    microphone.port.onmessage({ data: { isMuted: false } });
    for (let count = 0; count < 75; count++) microphone.process([[]]);
    assert.ok(microphone.given.length >= 9);
    for (const { pcm, level } of microphone.given) {
        assert.equal(level, 0);
        assert.ok(new Int16Array(pcm).every((sample) => sample === 0));
    }
});
