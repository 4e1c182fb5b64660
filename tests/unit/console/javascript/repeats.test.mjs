import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Repeats } from '../../../../voicehub/console/static/talk/repeats.js';

const event = (/** @type {string} */ id, type = 'response.done') => ({ event_id: id, type });

test('the last id is the one to ask from', () => {
    const repeats = new Repeats();
    assert.equal(repeats.lastEventId, null);
    repeats.isRepeat(event('one'));
    repeats.isRepeat(event('two'));
    repeats.isRepeat({ type: 'no id' });
    assert.equal(repeats.lastEventId, 'two');
});

test('what is sent again after a break is known, up to the first that is new', () => {
    const repeats = new Repeats();
    for (const id of ['one', 'two', 'three']) assert.equal(repeats.isRepeat(event(id)), false);
    repeats.expect();
    assert.equal(repeats.isRepeat(event('greeting', 'session.created')), false);
    assert.equal(repeats.isRepeat(event('two')), true);
    assert.equal(repeats.isRepeat(event('three')), true);
    assert.equal(repeats.isRepeat(event('four')), false);
    // From here on nothing is sent again: an id that comes once more is the engine's own doing.
    assert.equal(repeats.isRepeat(event('two')), false);
});

test('without a break an id may come twice', () => {
    const repeats = new Repeats();
    repeats.isRepeat(event('one'));
    assert.equal(repeats.isRepeat(event('one')), false);
});

test('an engine may give one id to events of two types', () => {
    const repeats = new Repeats();
    repeats.isRepeat(event('one', 'response.created'));
    repeats.expect();
    assert.equal(repeats.isRepeat(event('one', 'response.done')), false);
});

test('1024 events are remembered', () => {
    const repeats = new Repeats();
    for (let count = 0; count < 3000; count++) repeats.isRepeat(event(`event_${count}`));
    assert.equal(repeats.seen.length, 1024);
    repeats.expect();
    assert.equal(repeats.isRepeat(event('event_2999')), true);
});
