// What is heard of the agent, sample by sample: a queue that begins softly, ends softly, and waits out the network.
// No clock and no browser in here: whoever takes samples is the clock.

import { SAMPLES_PER_MS, loudness } from './pcm.js';

// Audio waits this long before it is heard, or until so much of it is there. In pieces of 40 ms a network that is late
// by up to 100 ms needs 140 ms; the rest is for a page or a server that is busy. What engines send faster than it is
// heard hardly waits: so much of it comes at once.
const WAIT_MS_MIN = 200;
const WAIT_MS_MAX = 600; // after gaps, each of which doubles it
const CALM_MS = 30_000; // heard without a gap, and the wait is halved again
const FADE_SAMPLES = 5 * SAMPLES_PER_MS; // a cut in the middle of a wave would click
const QUEUED_MS_MAX = 600_000; // what comes beyond is dropped, with the rest of its item: 58 MB are enough
const ITEMS_MAX = 64; // items that are remembered; the oldest is forgotten

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
        /** @type {Piece | null} what was heard last, while more of it may come */
        this.open = null;
        /** @type {Map<string, number>} samples heard of each item */
        this.heard = new Map();
        /** @type {Set<string>} items of which nothing more is heard */
        this.cutItems = new Set();
        /** @type {Set<string>} items of which all has come */
        this.complete = new Set();
        this.waitMs = WAIT_MS_MIN;
        this.waited = 0;
        this.calm = 0;
        this.isPlaying = false;
        this.gaps = 0;
        this.rise = 0;
        this.last = 0;
        this.fallsFrom = 0;
        this.fall = 0;
    }

    /** @param {Piece} piece */
    add(piece) {
        if (this.cutItems.has(piece.item) || !piece.samples.length) return;
        if (this.queued + piece.samples.length > QUEUED_MS_MAX * SAMPLES_PER_MS) {
            remember(this.cutItems, piece.item);
            return;
        }
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
        if (this.open?.item === item) this.open = null;
    }

    /**
     * Stop now and drop what is queued: what was being heard, or null.
     *
     * @returns {Cut | null}
     */
    cut() {
        // In a gap nothing is queued, and the item goes on all the same.
        const first = this.open ?? this.queue[0];
        if (first) remember(this.cutItems, first.item);
        for (const piece of this.queue) remember(this.cutItems, piece.item);
        this.queue = [];
        this.queued = 0;
        this.open = null;
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
        for (let index = filled; index < output.length; index++) output[index] = this.falling();
        this.last = output[output.length - 1];
        return loudness(output);
    }

    /** @param {number} count */
    mayPlay(count) {
        if (this.isPlaying || !this.queue.length) return this.isPlaying;
        this.waited += count;
        const isThere = this.queued >= this.waitMs * SAMPLES_PER_MS || this.complete.has(this.queue[0].item);
        if (!isThere && this.waited < this.waitMs * SAMPLES_PER_MS) return false;
        this.isPlaying = true;
        return true;
    }

    /** @param {Float32Array} output */
    play(output) {
        let filled = 0;
        while (filled < output.length && this.queue.length) {
            const piece = this.queue[0];
            if (!this.heard.has(piece.item)) this.turn(filled ? output[filled - 1] : this.last);
            const head = piece.samples.subarray(0, output.length - filled);
            for (const sample of head) output[filled++] = this.risen(sample) + this.falling();
            this.queued -= head.length;
            this.count(piece.item, head.length);
            this.open = this.complete.has(piece.item) ? null : piece;
            if (head.length === piece.samples.length) this.queue.shift();
            else piece.samples = piece.samples.subarray(head.length);
        }
        this.last = output[filled - 1];
        this.relax(filled);
        if (!this.queue.length) {
            if (this.open) this.miss();
            this.stop();
        }
        return filled;
    }

    /**
     * What comes next begins softly, over the end of what was heard before.
     *
     * @param {number} last
     */
    turn(last) {
        this.rise = 0;
        this.fallsFrom = last;
        this.fall = FADE_SAMPLES;
    }

    /** @param {number} sample */
    risen(sample) {
        return this.rise < FADE_SAMPLES ? (sample * this.rise++) / FADE_SAMPLES : sample;
    }

    /** What is left of the sound that ended last: it may overlap with the next. */
    falling() {
        return this.fall > 0 ? (this.fallsFrom * --this.fall) / FADE_SAMPLES : 0;
    }

    /** The network was slower than the ear: from now on more is kept waiting. */
    miss() {
        this.gaps += 1;
        this.calm = 0;
        this.waitMs = Math.min(WAIT_MS_MAX, this.waitMs * 2);
    }

    /** @param {number} count samples heard since the last gap */
    relax(count) {
        this.calm += count;
        if (this.calm < CALM_MS * SAMPLES_PER_MS) return;
        this.calm = 0;
        this.waitMs = Math.max(WAIT_MS_MIN, this.waitMs / 2);
    }

    stop() {
        if (this.isPlaying) this.turn(this.last);
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

/**
 * @param {Set<string>} items
 * @param {string} item
 */
function remember(items, item) {
    items.delete(item); // the newest stands last
    items.add(item);
    if (items.size > ITEMS_MAX) items.delete(items.values().next().value ?? '');
}
