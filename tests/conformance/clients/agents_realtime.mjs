// npm `@openai/agents-realtime`: a RealtimeSession over its own OpenAIRealtimeWebSocket.

import assert from 'node:assert/strict';

import {
  OpenAIRealtimeWebSocket,
  RealtimeAgent,
  RealtimeSession,
  tool,
} from '@openai/agents-realtime';
import OpenAI from 'openai';
import { z } from 'zod';

import { Caller, cutTheLine, run } from './caller.mjs';

const WEATHER = { sky: 'clear', degrees: 21 };
const METADATA = { purpose: 'conformance' };

await run(async (config) => {
  const caller = new Caller({ clips: config.clips, send: null });
  let session = open(config, caller);
  caller.sendAudio = (pcm) => session.sendAudio(Uint8Array.from(pcm).buffer);
  await pushToTalk(config, caller, session);
  session = open(config, caller);
  await dropped(config, caller, session);
  session = open(config, caller);
  await wholeConversation(config, caller, session);
  caller.finish(config.out, { history: session.history });
});

function open(config, caller) {
  const weather = tool({
    name: 'get_weather',
    description: 'Tells the weather in a city.',
    parameters: z.object({ city: z.string() }),
    execute: async ({ city }) => {
      assert.equal(city, 'Paris');
      return WEATHER;
    },
  });
  const session = new RealtimeSession(new RealtimeAgent({ name: 'Clerk', tools: [weather] }), {
    transport: new OpenAIRealtimeWebSocket(),
    model: config.agent,
  });
  session.on('error', (error) => caller.fail(error));
  session.on('transport_event', (event) => caller.take(event));
  session.on('audio', (event) => {
    caller.play(session.transport.currentItemId, 0, Buffer.from(event.data));
  });
  session.on('audio_interrupted', () => caller.hush());
  return session;
}

async function connected(config, caller, session, apiKey) {
  const before = caller.sessions.length;
  const url = `${config.url.replace('https', 'wss')}/realtime?model=${config.agent}`;
  await session.connect({ apiKey, url });
  await caller.holds(() => caller.sessions.length > before, 'session.created');
  // What it sends on its own: its configuration, then the tracing that it wants.
  await caller.until('session.updated');
}

async function hungUp(caller, session) {
  await caller.pause();
  const over = disconnected(session);
  session.close();
  await over;
}

async function disconnected(session) {
  if (session.transport.status !== 'disconnected') {
    await new Promise((resolve) => session.transport.once('disconnected', resolve));
  }
}

// With a client secret, as a browser would.
async function pushToTalk(config, caller, session) {
  caller.isOpen = false;
  const client = new OpenAI({ apiKey: config.token, baseURL: config.url });
  const secret = await client.realtime.clientSecrets.create({
    session: { type: 'realtime', model: config.agent },
  });
  await connected(config, caller, session, secret.value);
  await pushed(caller, session);
  await hungUp(caller, session);
}

async function pushed(caller, session) {
  const since = caller.mark();
  session.transport.updateSessionConfig({ audio: { input: { turnDetection: null } } });
  const hasNoTurns = (event) => event.session.audio.input.turn_detection === null;
  await caller.until('session.updated', { since, where: hasNoTurns });
  await caller.say('sum');
  session.transport.sendEvent({ type: 'input_audio_buffer.commit' });
  await caller.until('input_audio_buffer.committed', { since });
  session.transport.requestResponse({ metadata: METADATA });
  const done = await caller.reply(since);
  assert.deepEqual(done.response.metadata, METADATA);
  const words = 'conversation.item.input_audio_transcription.completed';
  const heard = await caller.until(words, { since });
  await caller.until('conversation.item.retrieved', { since: heard.number });
}

// The line is cut between two turns; to come back is the application's business here.
async function dropped(config, caller, session) {
  await connected(config, caller, session, config.token);
  caller.isOpen = true;
  await caller.ask('hello');
  await caller.pause();
  const over = disconnected(session);
  cutTheLine();
  await over;
}

async function wholeConversation(config, caller, session) {
  await connected(config, caller, session, config.token);
  await caller.ask('hello');
  await toolTurn(caller);
  await bargeIn(caller);
  caller.isOpen = false;
  await pushed(caller, session);
  await written(caller, session);
  assert.equal(session.history.filter((item) => item.type === 'function_call').length, 1);
  await hungUp(caller, session);
}

// The session runs the tool by itself, and asks for the reply.
async function toolTurn(caller) {
  const since = caller.mark();
  await caller.say('weather');
  const asked = await caller.until('response.function_call_arguments.done', { since });
  const done = await caller.until('response.done', { since: asked.number });
  const reply = await caller.reply(done.number + 1);
  assert.match(reply.response.output[0].content[0].transcript, /21/);
}

async function bargeIn(caller) {
  const since = caller.mark();
  await caller.say('story');
  const first = await caller.until('response.output_audio.delta', { since });
  await caller.heard(first.item_id, 1500);
  const now = caller.mark();
  await caller.say('name');
  const truncated = await caller.until('conversation.item.truncated', { since: now });
  assert.equal(truncated.item_id, first.item_id);
  await caller.until('conversation.item.retrieved', { since: truncated.number });
  const reply = await caller.reply(truncated.number);
  assert.match(reply.response.output[0].content[0].transcript, /Julia/);
}

async function written(caller, session) {
  const since = caller.mark();
  session.sendMessage('Thank you, goodbye.');
  await caller.reply(since);
}
