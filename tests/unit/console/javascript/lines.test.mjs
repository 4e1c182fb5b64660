import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Lines } from '../../../../voicehub/console/static/talk/lines.js';

const HEARD = 'conversation.item.input_audio_transcription';
const SAID = 'response.output_audio_transcript';
const greeting = (prefix_padding_ms = 300) => ({
    type: 'session.created',
    session: { audio: { input: { turn_detection: { prefix_padding_ms } } } },
});

/** @param {Lines} lines */
const shown = (lines) => lines.all.map(({ speaker, text, startMs }) => [speaker, text, startMs]);

test('words grow and are finished by what was said in the end', () => {
    const lines = new Lines();
    assert.equal(lines.take({ type: `${SAID}.delta`, item_id: 'a', delta: 'Hel' }, 100)?.text, 'Hel');
    const grown = lines.take({ type: `${SAID}.delta`, item_id: 'a', delta: 'lo' }, 200);
    assert.deepEqual([grown?.text, grown?.isFinished, grown?.startMs], ['Hello', false, 100]);
    const done = lines.take({ type: `${SAID}.done`, item_id: 'a', transcript: 'Hello!' }, 300);
    assert.deepEqual([done?.text, done?.isFinished, done?.startMs], ['Hello!', true, 100]);
    assert.equal(lines.all.length, 1);
});

test('the caller began where speech began, whenever the words come', () => {
    const lines = new Lines();
    lines.take(greeting(), 0);
    lines.take({ type: 'input_audio_buffer.speech_started', item_id: 'u', audio_start_ms: 700 }, 1_100);
    lines.take({ type: `${SAID}.done`, item_id: 'a', transcript: 'Yes?' }, 2_000);
    lines.take({ type: `${HEARD}.completed`, item_id: 'u', transcript: 'Hello' }, 2_500);
    assert.deepEqual(shown(lines), [['user', 'Hello', 1_000], ['agent', 'Yes?', 2_000]]);
});

test('after another engine took over, its clock begins where it took over', () => {
    const lines = new Lines();
    lines.take(greeting(0), 0);
    lines.beginLeg(60_000);
    lines.take({ type: 'input_audio_buffer.speech_started', item_id: 'u', audio_start_ms: 500 }, 61_000);
    lines.take({ type: `${HEARD}.completed`, item_id: 'u', transcript: 'Hello' }, 62_000);
    assert.deepEqual(shown(lines), [['user', 'Hello', 60_500]]);
});

test('an engine that hears no turns has its words placed by when they came', () => {
    const lines = new Lines();
    lines.take({ type: `${HEARD}.delta`, item_id: 'u', delta: 'Hi' }, 400);
    assert.deepEqual(shown(lines), [['user', 'Hi', 400]]);
});

test('a line that was cut says so', () => {
    const lines = new Lines();
    lines.take({ type: `${SAID}.done`, item_id: 'a', transcript: 'A long story' }, 0);
    assert.equal(lines.take({ type: 'conversation.item.truncated', item_id: 'a' }, 10)?.isInterrupted, true);
    assert.equal(lines.take({ type: 'conversation.item.truncated', item_id: 'nobody' }, 10), null);
});

test('text is shown as it was written, by either side', () => {
    const lines = new Lines();
    const written = lines.write('w', '<b>Hello</b>', 5);
    assert.deepEqual([written?.text, written?.isFinished, written?.speaker], ['<b>Hello</b>', true, 'user']);
    lines.take({ type: 'response.output_text.delta', item_id: 't', delta: 'Hi' }, 6);
    assert.equal(lines.take({ type: 'response.output_text.done', item_id: 't', text: 'Hi there' }, 7)?.text, 'Hi there');
});

test('events without words change no line', () => {
    const lines = new Lines();
    for (const type of ['response.created', 'response.done', 'voicehub.usage.updated']) assert.equal(lines.take({ type }, 0), null);
    assert.deepEqual(lines.all, []);
});
