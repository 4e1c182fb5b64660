// The conversation that both WebSocket classes of npm `openai` hold, event by event.

import assert from 'node:assert/strict';

import OpenAI from 'openai';

import { Caller, cutTheLine } from './caller.mjs';

export const TOOL = {
  type: 'function',
  name: 'get_weather',
  description: 'Tells the weather in a city.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
  },
};
export const WEATHER = { sky: 'clear', degrees: 21 };
const METADATA = { purpose: 'conformance' };

// `Socket` is the class under test: `new Socket({model}, client)`.
export async function converse(config, Socket) {
  const client = new OpenAI({ apiKey: config.token, baseURL: config.url });
  let connection;
  const send = (event) => connection.send(event);
  const caller = new Caller({ clips: config.clips, send });
  const open = (options, via) => {
    connection = new Socket({ model: config.agent, ...options }, via);
    connection.on('error', (error) => caller.fail(error));
    connection.on('event', (event) => caller.take(event));
    return connection;
  };
  caller.sendAudio = (pcm) => {
    if (connection?.socket.readyState === 1) {
      send({ type: 'input_audio_buffer.append', audio: pcm.toString('base64') });
    }
  };
  await pushToTalk(config, caller, open, client);
  await dropped(caller, open, client);
  await wholeConversation(caller, send);
  await closed(caller, connection);
  caller.finish(config.out);
}

// With a client secret, as a browser would.
async function pushToTalk(config, caller, open, client) {
  caller.isOpen = false;
  const secret = await client.realtime.clientSecrets.create({
    expires_after: { anchor: 'created_at', seconds: 60 },
    session: { type: 'realtime', model: config.agent },
  });
  assert.match(secret.value, /^ek_/);
  const connection = open({}, new OpenAI({ apiKey: secret.value, baseURL: config.url }));
  await caller.holds(() => caller.sessions.length === 1, 'session.created');
  await setTurns(caller, connection, null);
  await pushed(caller, (event) => connection.send(event));
  await closed(caller, connection);
}

// One turn by push-to-talk. The reply carries the metadata that was asked for.
async function pushed(caller, send) {
  const since = caller.mark();
  await caller.say('sum');
  send({ type: 'input_audio_buffer.commit' });
  await caller.until('input_audio_buffer.committed', { since });
  send({ type: 'response.create', response: { metadata: METADATA } });
  const done = await caller.reply(since);
  assert.deepEqual(done.response.metadata, METADATA);
  await caller.until('conversation.item.input_audio_transcription.completed', { since });
}

// The line is cut between two turns, and the client comes back by itself.
async function dropped(caller, open, client) {
  caller.isOpen = true;
  const reconnect = { reconnect: true, reconnectInitialDelay: 100 };
  const connection = open(reconnect, client);
  const back = new Promise((resolve) => connection.on('reconnected', resolve));
  await caller.holds(() => caller.sessions.length === 2, 'session.created');
  await caller.ask('hello');
  await caller.pause();
  assert.deepEqual(caller.errors, []);
  cutTheLine();
  await back;
  // A browser's socket fails before it closes, and the class reports that: the cut, nothing else.
  const own = caller.errors.filter((each) => !each.includes('OpenAIRealtimeError: WebSocket error'));
  caller.errors = own;
  await caller.holds(() => caller.sessions.length === 3, 'session.created');
}

async function wholeConversation(caller, send) {
  send({
    type: 'session.update',
    session: { type: 'realtime', tools: [TOOL], tool_choice: 'auto' },
  });
  const updated = await caller.until('session.updated');
  assert.equal(updated.session.tools[0].name, TOOL.name);
  await caller.ask('hello');
  await toolTurn(caller, send);
  await bargeIn(caller, send);
  await setTurns(caller, { send }, null);
  caller.isOpen = false;
  await pushed(caller, send);
  await written(caller, send);
}

async function toolTurn(caller, send) {
  const since = caller.mark();
  await caller.say('weather');
  const asked = await caller.until('response.function_call_arguments.done', { since });
  assert.equal(asked.name, TOOL.name);
  assert.equal(JSON.parse(asked.arguments).city, 'Paris');
  const done = await caller.until('response.done', { since: asked.number });
  send({
    type: 'conversation.item.create',
    item: {
      type: 'function_call_output',
      call_id: asked.call_id,
      output: JSON.stringify(WEATHER),
    },
  });
  send({ type: 'response.create' });
  const reply = await caller.reply(done.number + 1);
  assert.match(reply.response.output[0].content[0].transcript, /21/);
}

async function bargeIn(caller, send) {
  const since = caller.mark();
  await caller.say('story');
  const first = await caller.until('response.output_audio.delta', { since });
  await caller.heard(first.item_id, 1500);
  const now = caller.mark();
  await caller.say('name');
  const truncated = await caller.until('conversation.item.truncated', { since: now });
  assert.equal(truncated.item_id, first.item_id);
  const reply = await caller.reply(truncated.number);
  assert.match(reply.response.output[0].content[0].transcript, /Julia/);
  send({ type: 'conversation.item.retrieve', item_id: first.item_id });
  const retrieved = await caller.until('conversation.item.retrieved', { since: now });
  assert.equal(retrieved.item.id, first.item_id);
}

async function written(caller, send) {
  const since = caller.mark();
  const content = [{ type: 'input_text', text: 'Thank you, goodbye.' }];
  send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } });
  send({ type: 'response.create', response: { output_modalities: ['text'] } });
  await caller.until('response.output_text.done', { since });
  await caller.until('response.done', { since });
}

async function setTurns(caller, connection, turnDetection) {
  const since = caller.mark();
  const session = { type: 'realtime', audio: { input: { turn_detection: turnDetection } } };
  connection.send({ type: 'session.update', session });
  await caller.until('session.updated', { since });
}

async function closed(caller, connection) {
  await caller.pause();
  const over = new Promise((resolve) => {
    connection.socket.addEventListener('close', (event) => resolve(event.code));
  });
  connection.close();
  assert.equal(await over, 1000);
}
