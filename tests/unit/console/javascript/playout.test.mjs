import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Playout } from '../../../../voicehub/console/static/audio/playout.js';
import { anySeed, chanceOf } from './chance.mjs';

const PER_MS = 24;
const FADE = 5 * PER_MS;
const BLOCK = 128;

/** Samples that differ from one another, so that each tells its place. */
const ramp = (/** @type {number} */ count, from = 0) => Float32Array.from({ length: count }, (_, index) => 0.25 + (from + index) / 2 ** 22);

/** A loud tone that begins at its crest. */
const tone = (/** @type {number} */ count, from = 0) => Float32Array.from({ length: count }, (_, index) => 0.9 * Math.cos(((from + index) * 2 * Math.PI) / PER_MS / 5));
const TONE_STEP = 0.9 * 2 * Math.sin(Math.PI / PER_MS / 5);
// What rises and what falls add a share of the loudest each; a fall may begin at the sum of both.
const STEP_MAX = TONE_STEP + (3 * 0.9) / FADE;

/** @param {Playout} playout @param {string} item @param {Float32Array} samples */
const give = (playout, item, samples) => playout.add({ item, contentIndex: 0, samples });

/** @param {Playout} playout @param {number} count @param {number} [block] */
function taken(playout, count, block = BLOCK) {
    const all = new Float32Array(count);
    for (let at = 0; at < count; at += block) playout.take(all.subarray(at, Math.min(count, at + block)));
    return all;
}

/** @param {Float32Array} all */
const largestStep = (all) => all.reduce((most, sample, index) => Math.max(most, Math.abs(sample - (index ? all[index - 1] : 0))), 0);

test('what was given is heard, after a soft begin and in order, whatever the pieces and blocks', () => {
    const chance = chanceOf(anySeed());
    const sent = ramp(20_000);
    const playout = new Playout();
    for (let at = 0, next = 0; at < sent.length; at = next) {
        next = at + 1 + chance.upTo(2000);
        give(playout, 'a', sent.subarray(at, next));
    }
    playout.end('a');
    const heard = [];
    while (heard.length < sent.length) heard.push(...taken(playout, 1 + chance.upTo(200)));
    assert.deepEqual(Float32Array.from(heard.slice(FADE, sent.length)), sent.subarray(FADE));
    assert.equal(playout.gaps, 0);
    assert.equal(playout.queued, 0);
    assert.equal(playout.isPlaying, false);
});

test('one item follows the other without a pause', () => {
    const playout = new Playout();
    give(playout, 'a', ramp(1000));
    playout.end('a');
    give(playout, 'b', ramp(1000, 5000));
    playout.end('b');
    const heard = taken(playout, 2000);
    assert.deepEqual(heard.subarray(FADE, 1000), ramp(1000).subarray(FADE));
    assert.deepEqual(heard.subarray(1000 + FADE), ramp(1000, 5000).subarray(FADE));
});

test('on a slow network nothing is lost or doubled, and each gap is counted', () => {
    const chance = chanceOf(anySeed());
    const sent = ramp(100_000);
    const places = new Map([...sent].map((sample, index) => [sample, index]));
    const playout = new Playout();
    const heard = [];
    for (let at = 0; at < sent.length; at += 960) {
        give(playout, 'a', sent.subarray(at, at + 960));
        heard.push(...taken(playout, BLOCK * chance.upTo(20)));
    }
    playout.end('a');
    heard.push(...taken(playout, sent.length + BLOCK));
    const place = (/** @type {number} */ index) => places.get(heard[index]) ?? NaN;
    // Alone, a sample of a fade may look like one from anywhere.
    const found = heard.map((_, index) => place(index)).filter((at, index) => place(index - 1) === at - 1 || place(index + 1) === at + 1);
    assert.deepEqual(found, found.toSorted((one, other) => one - other));
    assert.equal(new Set(found).size, found.length);
    assert.ok(playout.gaps > 0);
    // What a fade has changed is not found by its value.
    assert.ok(sent.length - found.length <= FADE * (1 + playout.gaps), `${sent.length - found.length} of ${playout.gaps} gaps`);
    assert.equal(playout.heard.get('a'), sent.length);
});

test('a cut is silent within 5 ms and says how much was heard', () => {
    const playout = new Playout();
    give(playout, 'a', tone(48_000));
    playout.add({ item: 'b', contentIndex: 0, samples: tone(100) });
    taken(playout, 100 * BLOCK);
    assert.deepEqual(playout.cut(), { item: 'a', contentIndex: 0, heardMs: Math.floor((100 * BLOCK) / PER_MS) });
    const after = taken(playout, 1000);
    assert.ok(after.subarray(FADE).every((sample) => sample === 0));
    assert.equal(playout.cut(), null);
});

test('what comes late of an item that was cut is not heard, but the next item is', () => {
    const playout = new Playout();
    give(playout, 'a', tone(48_000));
    taken(playout, 10 * BLOCK);
    playout.cut();
    taken(playout, FADE);
    give(playout, 'a', tone(48_000));
    assert.ok(taken(playout, 24_000).every((sample) => sample === 0));
    give(playout, 'b', ramp(24_000));
    assert.deepEqual(taken(playout, 24_000).subarray(FADE), ramp(24_000).subarray(FADE));
});

test('a cut in a gap cuts what would have gone on', () => {
    const playout = new Playout();
    give(playout, 'a', tone(4800));
    taken(playout, 48 * BLOCK);
    assert.equal(playout.gaps, 1);
    assert.deepEqual(playout.cut(), { item: 'a', contentIndex: 0, heardMs: 200 });
    give(playout, 'a', tone(48_000));
    assert.ok(taken(playout, 24_000).every((sample) => sample === 0));
});

test('a cut says nothing of an item that was heard to its end', () => {
    const playout = new Playout();
    give(playout, 'a', tone(4800));
    playout.end('a');
    taken(playout, 48 * BLOCK);
    assert.equal(playout.cut(), null);
});

test('a cut before the first sound says that nothing was heard', () => {
    const playout = new Playout();
    playout.add({ item: 'a', contentIndex: 2, samples: tone(960) });
    taken(playout, BLOCK);
    assert.deepEqual(playout.cut(), { item: 'a', contentIndex: 2, heardMs: 0 });
});

test('nothing clicks at a begin, a gap, a cut, an end or a change of items', () => {
    const chance = chanceOf(anySeed());
    const playout = new Playout();
    const heard = [];
    let [item, at] = [0, 0];
    for (let round = 0; round < 3000; round++) {
        if (chance.next() < 0.5) {
            const size = chance.upTo(2000);
            give(playout, `item ${item}`, tone(size, at));
            at += size;
        }
        heard.push(...taken(playout, chance.upTo(1200)));
        const next = chance.next();
        if (next < 0.2) playout.end(`item ${item}`);
        else if (next < 0.3) playout.cut();
        if (next < 0.3) {
            item++;
            at = chance.upTo(120); // another item begins anywhere in the wave
        }
    }
    assert.ok(playout.gaps > 10);
    const step = largestStep(Float32Array.from(heard));
    assert.ok(step > TONE_STEP / 2 && step < STEP_MAX, `${step}, at most ${STEP_MAX}`);
});

test('what comes at the pace of speech waits, what comes faster begins at once', () => {
    const slow = new Playout();
    let beganMs = null;
    for (let ms = 0; beganMs === null; ms += 40) {
        give(slow, 'a', tone(40 * PER_MS));
        taken(slow, 40 * PER_MS);
        if (slow.isPlaying) beganMs = ms + 40;
    }
    assert.equal(beganMs, 200);
    const fast = new Playout();
    give(fast, 'a', tone(200 * PER_MS));
    taken(fast, BLOCK);
    assert.equal(fast.isPlaying, true);
});

test('a word that is complete does not wait, and one that stays alone waits no longer than the rest', () => {
    const complete = new Playout();
    give(complete, 'a', tone(30 * PER_MS));
    complete.end('a');
    taken(complete, BLOCK);
    assert.equal(complete.isPlaying, true);
    const alone = new Playout();
    give(alone, 'a', tone(30 * PER_MS));
    taken(alone, 195 * PER_MS);
    assert.equal(alone.isPlaying, false);
    taken(alone, 2 * BLOCK);
    assert.equal(alone.isPlaying, true);
});

test('gaps make the wait longer up to a limit, and calm makes it shorter again', () => {
    const playout = new Playout();
    const waits = [];
    for (let round = 0; round < 4; round++) {
        give(playout, 'a', tone(700 * PER_MS));
        taken(playout, 800 * PER_MS);
        waits.push(playout.waitMs);
    }
    assert.deepEqual(waits, [400, 600, 600, 600]);
    for (let second = 0; second < 95; second++) {
        give(playout, 'b', tone(1000 * PER_MS));
        taken(playout, 990 * PER_MS);
    }
    assert.equal(playout.gaps, 4);
    assert.equal(playout.waitMs, 200);
});

test('the end of an item is no gap', () => {
    const playout = new Playout();
    give(playout, 'a', tone(4800));
    taken(playout, 20 * BLOCK);
    playout.end('a');
    taken(playout, 4800);
    assert.equal(playout.gaps, 0);
});

test('memory is bounded: of too much audio the rest of its item is dropped, and old items are forgotten', () => {
    const playout = new Playout();
    const second = tone(1000 * PER_MS);
    for (let count = 0; count < 700; count++) give(playout, 'long', second);
    assert.equal(playout.queued, 600_000 * PER_MS);
    playout.cut();
    for (let count = 0; count < 1000; count++) {
        give(playout, `item ${count}`, tone(10));
        if (count % 2) playout.end(`item ${count}`);
        taken(playout, BLOCK);
        if (count % 3 === 0) playout.cut();
    }
    for (const kept of [playout.heard, playout.cutItems, playout.complete]) assert.ok(kept.size <= 64);
});

test('what nothing was given for is silence', () => {
    const playout = new Playout();
    const block = new Float32Array(BLOCK).fill(1);
    assert.equal(playout.take(block), 0);
    assert.ok(block.every((sample) => sample === 0));
});
