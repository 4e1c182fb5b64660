import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Resampler } from '../../../../voicehub/console/static/audio/resampler.js';
import { anySeed, chanceOf } from './chance.mjs';

const TO_HZ = 24_000;
const FROM_HZ = [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 47_999, 48_000, 88_200, 96_000, 176_400, 192_000];
const ERROR_DB_MAX = -70;
const ALIAS_DB_MAX = -60;
const PASS = 0.83; // of the lower Nyquist rate
const SECONDS = 0.4;
const EDGE_S = 0.02; // where the filter sees the signal's begin

/** @param {number} rate @param {number} pitch */
function sine(rate, pitch) {
    return Float32Array.from({ length: Math.round(rate * SECONDS) }, (_, index) => 0.5 * Math.sin((2 * Math.PI * pitch * index) / rate));
}

/** @param {number} rate @param {Float32Array} signal */
function resampled(rate, signal) {
    return new Resampler(rate, TO_HZ).push(signal);
}

/** Power beside that of a sine of half the full scale. @param {Float32Array} signal @param {(index: number) => number} expected */
function differenceDb(signal, expected) {
    const [first, end] = [Math.round(EDGE_S * TO_HZ), signal.length];
    assert.ok(end > 2 * first);
    let sum = 0;
    for (let index = first; index < end; index++) sum += (signal[index] - expected(index)) ** 2;
    return 10 * Math.log10(sum / (end - first) / 0.125 + 1e-20);
}

for (const rate of FROM_HZ) {
    const lower = Math.min(rate, TO_HZ) / 2;

    test(`a sine of ${rate} Hz stays that sine, at its place in time`, () => {
        for (const pitch of [50, 440, 1_000, 0.5 * lower, PASS * lower]) {
            const error = differenceDb(resampled(rate, sine(rate, pitch)), (at) => 0.5 * Math.sin((2 * Math.PI * pitch * at) / TO_HZ));
            assert.ok(error < ERROR_DB_MAX, `${pitch} Hz: ${error.toFixed(1)} dB`);
        }
    });

    test(`of what 24 kHz cannot hold nothing is left of ${rate} Hz`, () => {
        const above = [1.0, 1.02, 1.1, 1.5, 1.9, 2.5, 3.3, 5.1, 7.7].map((share) => (share * TO_HZ) / 2).filter((pitch) => pitch < rate / 2);
        for (const pitch of above) {
            const left = differenceDb(resampled(rate, sine(rate, pitch)), () => 0);
            assert.ok(left < ALIAS_DB_MAX, `${pitch} Hz: ${left.toFixed(1)} dB`);
        }
    });

    test(`a constant of ${rate} Hz stays constant`, () => {
        const error = differenceDb(resampled(rate, new Float32Array(rate * SECONDS).fill(0.5)), () => 0.5);
        assert.ok(error < ERROR_DB_MAX, `${error.toFixed(1)} dB`);
    });

    test(`the size of the pieces changes no bit of ${rate} Hz`, () => {
        const chance = chanceOf(anySeed());
        const noise = Float32Array.from({ length: Math.round(rate * 0.15) }, () => 2 * chance.next() - 1);
        const whole = resampled(rate, noise);
        for (const most of [1, 7, 128, 1000]) {
            const resampler = new Resampler(rate, TO_HZ);
            const found = [];
            for (let at = 0; at < noise.length; ) {
                const size = chance.upTo(most);
                found.push(...resampler.push(noise.subarray(at, at + size)));
                at += size;
            }
            assert.deepEqual(Float32Array.from(found), whole);
        }
    });

    test(`no more waits of ${rate} Hz than the filter's reach`, () => {
        const signal = sine(rate, 440);
        const missing = signal.length / rate - resampled(rate, signal).length / TO_HZ;
        assert.ok(missing >= 0 && missing < 0.01, `${missing} s`);
    });
}

test('24 kHz is given on as it is', () => {
    const signal = sine(TO_HZ, 440);
    assert.deepEqual(resampled(TO_HZ, signal), signal);
});

test('a long signal in pieces of 128 keeps no more than the filter needs', () => {
    const resampler = new Resampler(44_100, TO_HZ);
    const piece = new Float32Array(128);
    let [given, taken, most] = [0, 0, 0];
    for (; given < 44_100 * 20; given += piece.length) {
        taken += resampler.push(piece).length;
        most = Math.max(most, resampler.kept.length);
    }
    assert.ok(most <= 3 * resampler.reach, `${most} samples`);
    assert.ok(Math.abs(given / 44_100 - taken / TO_HZ) < 0.01);
});
