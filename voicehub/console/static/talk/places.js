// Whose audio a binary message of `voicehub.v1` is, and whether it has come before.

import { SAMPLES_PER_MS } from '../audio/pcm.js';

const VERSION = 1;
const HEADER_BYTES = 16;
const ITEMS_MAX = 64; // items whose number is remembered; audio of one that is forgotten is dropped

/**
 * @typedef {object} Place
 * @property {string} item
 * @property {number} contentIndex
 * @property {number} endSamples how far its audio has come
 */

/** Outlives a socket: an item may go on at the next one. */
export class Places {
    constructor() {
        /** @type {Map<number, Place>} */
        this.places = new Map();
    }

    /**
     * Take an event that may tell of an item.
     *
     * @param {any} event
     */
    learn(event) {
        const number = event.voicehub?.item_number;
        if (event.type === 'response.output_item.added' && number !== undefined) {
            const known = this.places.get(number);
            // Another process numbers from 1 again: the newest meaning of a number holds.
            if (known?.item === event.item.id) return;
            this.places.delete(number);
            this.places.set(number, { item: event.item.id, contentIndex: 0, endSamples: 0 });
            if (this.places.size > ITEMS_MAX) this.places.delete([...this.places.keys()][0]);
        } else if (event.type === 'response.content_part.added' && event.part.type.includes('audio')) {
            for (const place of this.places.values()) {
                if (place.item === event.item_id) place.contentIndex = event.content_index;
            }
        }
    }

    /**
     * The audio of a binary message; null for audio of an unknown item, and for what is here already.
     *
     * @param {ArrayBuffer} message
     * @returns {{item: string, contentIndex: number, pcm: ArrayBuffer} | null}
     */
    audio(message) {
        const header = new DataView(message, 0, HEADER_BYTES);
        if (header.getUint8(0) !== VERSION) return null;
        const place = this.places.get(header.getUint32(4));
        const startSamples = header.getUint32(8) * SAMPLES_PER_MS;
        if (!place || header.getUint32(8) < Math.floor(place.endSamples / SAMPLES_PER_MS)) return null;
        // What lay between is lost: the server did not remember it any more.
        place.endSamples = Math.max(place.endSamples, startSamples);
        place.endSamples += (message.byteLength - HEADER_BYTES) / 2;
        return { item: place.item, contentIndex: place.contentIndex, pcm: message.slice(HEADER_BYTES) };
    }
}
