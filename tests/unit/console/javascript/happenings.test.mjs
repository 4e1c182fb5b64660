import assert from 'node:assert/strict';
import { test } from 'node:test';

import { happenings } from '../../../../voicehub/console/static/session/happenings.js';

/** @param {any} session */
const shown = (session) => happenings({ status: 'completed', ended_at: '2026-11-23T10:02:00Z', duration_minutes: 2, ...session }).map(({ atMs, text }) => [atMs, text]);

test('a session begins and ends', () => {
    assert.deepEqual(shown({ data: { ended_reason: 'client_close' } }), [[0, 'Began'], [120_000, 'Ended by the user']]);
});

test('one that goes on has no end', () => {
    assert.deepEqual(shown({ status: 'in_progress', ended_at: null, data: {} }), [[0, 'Began']]);
});

test('interruptions, further legs and the pause stand in time', () => {
    const found = shown({
        status: 'paused',
        ended_at: null,
        data: {
            transcript: [
                { speaker: 'agent', start_ms: 0, end_ms: 9_000, interrupted: true },
                { speaker: 'user', start_ms: 9_000, end_ms: 10_000, interrupted: false },
            ],
            legs: [{ at_ms: 0 }, { at_ms: 4_000 }],
            paused_at_ms: 30_000,
        },
    });
    assert.deepEqual(found, [
        [0, 'Began'],
        [4_000, 'Went on after a pause or a lost server'],
        [9_000, 'The user interrupted the agent'],
        [30_000, 'Paused'],
    ]);
});

test('an end comes last, whatever the minutes say', () => {
    const found = shown({ duration_minutes: 0, data: { transcript: [{ end_ms: 5_000, interrupted: true }], ended_reason: 'quota' } });
    assert.deepEqual(found.at(-1), [5_000, 'Ended: the plan was used up']);
});

test('a reason that is not known is still an end, and lost sound is told', () => {
    const found = shown({ data: { ended_reason: 'something new', recording: { lost_ms: 61_000 } } });
    assert.deepEqual(found.slice(1).map(([, text]) => text), ['Ended', 'The recording lacks 1:01']);
});
