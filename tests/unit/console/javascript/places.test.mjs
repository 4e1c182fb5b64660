import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Places } from '../../../../voicehub/console/static/talk/places.js';

const PER_MS = 24;

/** @param {number} number @param {string} id */
const added = (number, id) => ({ type: 'response.output_item.added', item: { id }, voicehub: { item_number: number } });

/** @param {number} number @param {number} startMs @param {number} samples @param {number} [version] */
function message(number, startMs, samples, version = 1) {
    const whole = new ArrayBuffer(16 + 2 * samples);
    const header = new DataView(whole);
    header.setUint8(0, version);
    header.setUint32(4, number);
    header.setUint32(8, startMs);
    new Int16Array(whole, 16).fill(startMs + 1);
    return whole;
}

function known() {
    const places = new Places();
    places.learn(added(7, 'item_a'));
    return places;
}

test('audio belongs to the item that its number was given to', () => {
    const found = known().audio(message(7, 0, 960));
    assert.equal(found?.item, 'item_a');
    assert.equal(found?.contentIndex, 0);
    assert.deepEqual([...new Int16Array(found?.pcm ?? [])], Array(960).fill(1));
});

test('a later part of the content has its own index', () => {
    const places = known();
    places.learn({ type: 'response.content_part.added', item_id: 'item_a', content_index: 1, part: { type: 'audio' } });
    assert.equal(places.audio(message(7, 0, 960))?.contentIndex, 1);
    places.learn({ type: 'response.content_part.added', item_id: 'item_a', content_index: 2, part: { type: 'text' } });
    assert.equal(places.audio(message(7, 40, 960))?.contentIndex, 1);
});

test('audio of an unknown item or another version is not heard', () => {
    assert.equal(known().audio(message(8, 0, 960)), null);
    assert.equal(known().audio(message(7, 0, 960, 2)), null);
});

test('what came before the break and comes again is heard once', () => {
    const places = known();
    const sent = [0, 40, 80].map((startMs) => message(7, startMs, 40 * PER_MS));
    for (const each of sent) assert.ok(places.audio(each));
    for (const each of sent) assert.equal(places.audio(each), null);
    assert.ok(places.audio(message(7, 120, 40 * PER_MS)));
});

test('pieces that are no whole milliseconds are neither dropped nor doubled', () => {
    const places = known();
    let [at, heard] = [0, 0];
    const sent = [];
    for (const samples of [101, 250, 37, 24, 1000, 511]) {
        sent.push(message(7, Math.floor(at / PER_MS), samples));
        at += samples;
    }
    for (const each of sent) heard += (places.audio(each)?.pcm.byteLength ?? 0) / 2;
    assert.equal(heard, at);
    for (const each of sent) assert.equal(places.audio(each), null);
});

test('after a hole the item goes on where the server is', () => {
    const places = known();
    places.audio(message(7, 0, 960));
    assert.ok(places.audio(message(7, 500, 960)));
    assert.equal(places.audio(message(7, 40, 960)), null);
    assert.ok(places.audio(message(7, 540, 960)));
});

test('another process gives a number another meaning, and the item it knows goes on', () => {
    const places = known();
    places.audio(message(7, 0, 960));
    places.learn(added(7, 'item_a'));
    assert.equal(places.audio(message(7, 0, 960)), null);
    places.learn(added(7, 'item_b'));
    assert.equal(places.audio(message(7, 0, 960))?.item, 'item_b');
});

test('64 items are remembered', () => {
    const places = new Places();
    for (let number = 1; number <= 1000; number++) places.learn(added(number, `item_${number}`));
    assert.equal(places.places.size, 64);
    assert.equal(places.audio(message(936, 0, 24)), null);
    assert.equal(places.audio(message(937, 0, 24))?.item, 'item_937');
});

test('events that tell of no item are let by', () => {
    const places = new Places();
    places.learn({ type: 'response.output_item.added', item: { id: 'item_a' } });
    places.learn({ type: 'response.done', voicehub: { item_number: 1 } });
    assert.equal(places.places.size, 0);
});
