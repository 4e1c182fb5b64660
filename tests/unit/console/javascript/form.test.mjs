import assert from 'node:assert/strict';
import { test } from 'node:test';

import { draftOf, settingsOf } from '../../../../voicehub/console/static/agents/form.js';

const WORDS = { name: 'Ava', description: null, persona_prompt: 'You are Ava.', system_prompt: '' };
const RICH = {
    engine: 'local',
    session: {
        tools: [{ type: 'function', name: 'weather' }],
        max_output_tokens: 400,
        audio: {
            input: {
                format: { type: 'audio/pcm', rate: 24_000 },
                transcription: { model: 'whisper', language: 'en' },
                turn_detection: { type: 'server_vad', silence_duration_ms: 700, interrupt_response: false },
            },
            output: { voice: 'vera', speed: 1.1 },
        },
    },
};

/** What is sent when nothing was changed. @param {any} settings */
function unchanged(settings) {
    const { words, ...chosen } = draftOf({ ...WORDS, settings });
    assert.deepEqual(words, WORDS);
    return settingsOf(chosen, settings);
}

test('settings that nobody changed stay what they were', () => {
    for (const settings of [
        RICH,
        { engine: null, session: { audio: { input: { turn_detection: null } } } },
        { engine: null, session: { audio: { output: { voice: { id: 'voice_1' } } } } },
        { engine: null, session: { audio: { input: { transcription: null } } } },
        { engine: 'echo', session: { instructions: 'Be brief.' } },
        { engine: null, session: null },
    ]) {
        assert.deepEqual(unchanged(settings), settings);
    }
});

test('an agent without settings has none made up', () => {
    assert.deepEqual(unchanged(null), { engine: null, session: null });
    assert.deepEqual(unchanged({}), { engine: null, session: null });
});

test('a change keeps what the form does not know', () => {
    const { words: _words, ...chosen } = draftOf({ ...WORDS, settings: RICH });
    const changed = settingsOf({ ...chosen, voice: 'otto', language: '', turns: 'semantic_vad', isInterruptible: true }, RICH);
    const { audio, ...rest } = changed.session;
    assert.deepEqual(rest, { tools: RICH.session.tools, max_output_tokens: 400 });
    assert.deepEqual(audio.output, { voice: 'otto', speed: 1.1 });
    assert.deepEqual(audio.input.transcription, { model: 'whisper' });
    assert.deepEqual(audio.input.turn_detection, { type: 'semantic_vad', silence_duration_ms: 700, interrupt_response: true });
    assert.deepEqual(audio.input.format, RICH.session.audio.input.format);
});

test('what was laid over is not changed itself', () => {
    const before = structuredClone(RICH);
    settingsOf({ engine: '', voice: '', language: '', turns: 'none', isInterruptible: true }, RICH);
    assert.deepEqual(RICH, before);
});

test('what the form chose is what it shows again', () => {
    for (const turns of /** @type {const} */ (['', 'server_vad', 'semantic_vad', 'none'])) {
        for (const isInterruptible of [true, false]) {
            for (const before of [null, RICH]) {
                const chosen = { engine: 'local', voice: 'vera', language: 'de', turns, isInterruptible };
                const { words: _words, ...shown } = draftOf({ ...WORDS, settings: settingsOf(chosen, before) });
                // Not to be interrupted is a matter of turn detection: the server's own is named for it,
                // and where there is none there is nothing to interrupt.
                const meant = { ...chosen, turns: turns || (isInterruptible ? '' : 'server_vad'), isInterruptible: turns === 'none' || isInterruptible };
                assert.deepEqual(shown, meant);
            }
        }
    }
});
