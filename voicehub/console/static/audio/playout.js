// What is heard of the agent, sample by sample: a queue that begins softly, ends softly, and waits out the network.
// No clock and no browser in here: whoever takes samples is the clock.

import { SAMPLES_PER_MS, loudness } from './pcm.js';

// Audio waits this long before it is heard, so that what comes a little late is in time. After a gap the wait grows.
const WAIT_MS_MIN = 120;
const WAIT_MS_MAX = 480;
const FADE_SAMPLES = 5 * SAMPLES_PER_MS; // a cut in the middle of a wave would click

/**
 * @typedef {object} Piece
 * @property {string} item
 * @property {number} contentIndex
 * @property {Float32Array} samples
 *
 * @typedef {object} Cut what `conversation.item.truncate` has to say
 * @property {string} item
 * @property {number} contentIndex
 * @property {number} heardMs
 */

export class Playout {
    constructor() {
        /** @type {Piece[]} */
        this.queue = [];
        this.queued = 0;
        /** @type {Map<string, number>} samples heard of each item */
        this.heard = new Map();
        /** @type {Set<string>} */
        this.cutItems = new Set();
        /** @type {Set<string>} items of which all has come */
        this.complete = new Set();
        this.waitMs = WAIT_MS_MIN;
        this.waited = 0;
        this.isPlaying = false;
        this.gaps = 0;
        this.last = 0;
        this.tail = 0;
        this.rise = 0;
    }

    /** @param {Piece} piece */
    add(piece) {
        if (this.cutItems.has(piece.item) || !piece.samples.length) return;
        this.queue.push(piece);
        this.queued += piece.samples.length;
    }

    /**
     * All of the item has come: there is nothing to wait for.
     *
     * @param {string} item
     */
    end(item) {
        remember(this.complete, item);
    }

    /**
     * Stop now and drop what is queued: what was being heard, or null.
     *
     * @returns {Cut | null}
     */
    cut() {
        const first = this.queue[0];
        for (const piece of this.queue) remember(this.cutItems, piece.item);
        this.queue = [];
        this.queued = 0;
        this.stop();
        if (!first) return null;
        const heardMs = Math.floor((this.heard.get(first.item) ?? 0) / SAMPLES_PER_MS);
        return { item: first.item, contentIndex: first.contentIndex, heardMs };
    }

    /**
     * Fill `output` with what is heard next: silence where nothing is.
     *
     * @param {Float32Array} output
     * @returns {number} its loudness
     */
    take(output) {
        let filled = 0;
        if (this.mayPlay(output.length)) filled = this.play(output);
        for (let index = filled; index < output.length; index++) {
            output[index] = this.tail > 0 ? (this.last * this.tail--) / FADE_SAMPLES : 0;
        }
        return loudness(output);
    }

    /** @param {number} count */
    mayPlay(count) {
        if (this.isPlaying || !this.queue.length) return this.isPlaying;
        this.waited += count;
        const isThere = this.queued >= this.waitMs * SAMPLES_PER_MS || this.complete.has(this.queue[0].item);
        if (!isThere && this.waited < this.waitMs * SAMPLES_PER_MS) return false;
        this.isPlaying = true;
        this.rise = 0;
        this.tail = 0;
        return true;
    }

    /** @param {Float32Array} output */
    play(output) {
        let filled = 0;
        while (filled < output.length && this.queue.length) {
            const piece = this.queue[0];
            const head = piece.samples.subarray(0, output.length - filled);
            for (const sample of head) output[filled++] = this.risen(sample);
            this.queued -= head.length;
            this.count(piece.item, head.length);
            if (head.length === piece.samples.length) this.queue.shift();
            else piece.samples = piece.samples.subarray(head.length);
            if (!this.queue.length && !this.complete.has(piece.item)) this.miss();
        }
        if (filled) this.last = output[filled - 1];
        if (!this.queue.length) this.stop();
        return filled;
    }

    /** @param {number} sample */
    risen(sample) {
        return this.rise < FADE_SAMPLES ? (sample * this.rise++) / FADE_SAMPLES : sample;
    }

    /** The network was slower than the ear: from now on more is kept waiting. */
    miss() {
        this.gaps += 1;
        this.waitMs = Math.min(WAIT_MS_MAX, this.waitMs * 2);
    }

    stop() {
        if (this.isPlaying) this.tail = FADE_SAMPLES;
        this.isPlaying = false;
        this.waited = 0;
    }

    /**
     * @param {string} item
     * @param {number} count
     */
    count(item, count) {
        const before = this.heard.get(item) ?? 0;
        this.heard.delete(item); // the newest stands last
        this.heard.set(item, before + count);
        if (this.heard.size > ITEMS_MAX) this.heard.delete(this.heard.keys().next().value ?? '');
    }
}

const ITEMS_MAX = 64; // items that are remembered; the oldest is forgotten

/**
 * @param {Set<string>} items
 * @param {string} item
 */
function remember(items, item) {
    items.add(item);
    if (items.size > ITEMS_MAX) items.delete(items.values().next().value ?? '');
}
