// A caller: microphone, loudspeaker and notes of every event, whatever client carries them.
//
// The clock is real. A chunk of 100 ms leaves the microphone every 100 ms, and the loudspeaker takes
// what the agent says at the speed at which it is heard.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const BYTES_PER_MS = 48;
const TICK_MS = 20;
const APPEND_MS = 100;
const PAUSE_MS = 300;
// What is awaited for longer than this does not come.
const STEP_MS_MAX = 30_000;

export class Caller {
  // `sendAudio` takes a Buffer of PCM; `send` takes a client event, and is null where the client
  // itself truncates what it plays.
  constructor({ clips, sendAudio, send }) {
    this.clips = clips;
    this.sendAudio = sendAudio;
    this.send = send;
    this.sessions = [];
    this.errors = [];
    this.items = new Map();
    this.playing = [];
    this.saying = null;
    this.isOpen = true;
    this.waiting = new Set();
    this.startedAt = performance.now();
    this.ticks = 0;
    this.pending = [];
    this.timer = setInterval(() => this.#catchUp(), TICK_MS / 2);
  }

  get events() {
    return this.sessions.at(-1);
  }

  get nowMs() {
    return performance.now() - this.startedAt;
  }

  // -- what the client tells -------------------------------------------------------------------

  take(event) {
    // What is heard of now was not there before: first let the clock come up to now.
    this.#catchUp();
    if (event.type === 'session.created') {
      this.sessions.push([]);
    }
    const { delta, ...rest } = event;
    const isAudio = event.type === 'response.output_audio.delta';
    this.events.push({ ...(isAudio ? rest : event), at_ms: this.nowMs });
    if (isAudio && this.send) {
      this.play(event.item_id, event.content_index, Buffer.from(delta, 'base64'));
    }
    if (event.type === 'input_audio_buffer.speech_started' && this.send) {
      this.#truncate();
    }
    this.#look();
  }

  fail(error) {
    this.errors.push(String(error?.error ? JSON.stringify(error.error) : (error?.stack ?? error)));
  }

  play(itemId, contentIndex, pcm) {
    const item = this.items.get(itemId) ?? { contentIndex, got: [], heardBytes: 0, isCut: false };
    this.items.set(itemId, item);
    item.got.push(pcm);
    if (!item.isCut) {
      this.playing.push({ item, pcm });
    }
  }

  // The loudspeaker falls silent. Returns what was being heard, if anything was.
  hush() {
    const first = this.playing[0];
    for (const { item } of this.playing) {
      item.isCut = true;
    }
    this.playing = [];
    return first?.item;
  }

  #truncate() {
    const item = this.hush();
    if (item) {
      const [itemId] = [...this.items].find(([, each]) => each === item);
      this.send({
        type: 'conversation.item.truncate',
        item_id: itemId,
        content_index: item.contentIndex,
        audio_end_ms: Math.floor(item.heardBytes / BYTES_PER_MS),
      });
    }
  }

  // -- what the conversation does --------------------------------------------------------------

  // Say a clip in real time; done when its last chunk is sent.
  async say(name) {
    this.saying = { pcm: readFileSync(this.clips[name]), at: 0 };
    await this.holds(() => this.saying === null && this.pending.length === 0, `"${name}" said`);
  }

  // The first event of a type from event `since` on; its place among the events is `number`.
  async until(type, { since = 0, where = () => true } = {}) {
    let found;
    await this.holds(() => {
      const number = this.events.findIndex(
        (event, index) => index >= since && event.type === type && where(event),
      );
      found = number < 0 ? undefined : { ...this.events[number], number };
      return found !== undefined;
    }, type);
    return found;
  }

  // The next reply that nobody talks over: its `response.done`, when it is heard to its end.
  async reply(since) {
    for (let from = since; ; ) {
      const created = await this.until('response.created', { since: from });
      const done = await this.until('response.done', {
        since: created.number,
        where: (event) => event.response.id === created.response.id,
      });
      if (done.response.status_details?.reason !== 'turn_detected') {
        await this.holds(() => this.playing.length === 0, 'the end of the reply');
        return done;
      }
      from = created.number + 1;
    }
  }

  // Say a clip and hear the reply.
  async ask(name) {
    const since = this.mark();
    await this.say(name);
    return this.reply(since);
  }

  async heard(itemId, ms) {
    const enough = () => (this.items.get(itemId)?.heardBytes ?? 0) >= ms * BYTES_PER_MS;
    await this.holds(enough, `${ms} ms of the reply`);
  }


  mark() {
    return this.events?.length ?? 0;
  }

  // A moment of quiet, as before people hang up.
  async pause() {
    const end = this.nowMs + PAUSE_MS;
    await this.holds(() => this.nowMs >= end, 'pause');
  }

  // Write down everything: `report.json`, and a file of PCM for each item that was spoken.
  finish(folder, more = {}) {
    clearInterval(this.timer);
    const items = [...this.items].map(([id, item]) => {
      const pcm = Buffer.concat(item.got);
      writeFileSync(join(folder, `${id}.pcm`), pcm);
      return { id, bytes: pcm.length, heard_bytes: item.heardBytes, is_cut: item.isCut };
    });
    const report = { sessions: this.sessions, items, errors: this.errors, ...more };
    writeFileSync(join(folder, 'report.json'), JSON.stringify(report));
  }

  holds(check, what) {
    return new Promise((resolve, reject) => {
      const entry = { check, resolve };
      const last = () => this.events?.slice(-6).map((event) => event.type);
      entry.timer = setTimeout(
        () => reject(new Error(`No ${what}; last: ${last()}; errors: ${this.errors}`)),
        STEP_MS_MAX,
      );
      this.waiting.add(entry);
      this.#look();
    });
  }

  #look() {
    for (const entry of this.waiting) {
      if (entry.check()) {
        clearTimeout(entry.timer);
        this.waiting.delete(entry);
        entry.resolve();
      }
    }
  }

  #catchUp() {
    // After a stall the missed ticks follow at once: the clock is right again.
    while (this.ticks * TICK_MS < this.nowMs) {
      this.ticks += 1;
      this.#tick();
    }
    this.#look();
  }

  #tick() {
    const size = TICK_MS * BYTES_PER_MS;
    this.#hear(size);
    if (!this.isOpen && this.saying === null && this.pending.length === 0) {
      return;
    }
    const chunk = Buffer.alloc(size);
    if (this.saying) {
      this.saying.pcm.copy(chunk, 0, this.saying.at, this.saying.at + size);
      this.saying.at += size;
      this.saying = this.saying.at < this.saying.pcm.length ? this.saying : null;
    }
    this.pending.push(chunk);
    if (this.pending.length * TICK_MS >= APPEND_MS) {
      const audio = Buffer.concat(this.pending);
      this.pending = [];
      this.sendAudio?.(audio);
    }
  }

  #hear(size) {
    for (let left = size; left > 0 && this.playing.length > 0; ) {
      const first = this.playing[0];
      const taken = Math.min(left, first.pcm.length);
      first.item.heardBytes += taken;
      first.pcm = first.pcm.subarray(taken);
      left -= taken;
      if (first.pcm.length === 0) {
        this.playing.shift();
      }
    }
  }
}

// Run a client's program: everything that nobody catches ends it with an error.
export async function run(main) {
  const config = JSON.parse(readFileSync(process.argv[2], 'utf8'));
  process.on('uncaughtException', (error) => {
    console.error('uncaught', error);
    process.exit(1);
  });
  await main(config);
}

// Ask for the line to be cut, as if a cable were pulled.
export function cutTheLine() {
  process.stdout.write('cut\n');
}
