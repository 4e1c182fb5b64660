// Which events of a new socket came over the one before: a server sends again what it cannot know to have arrived.

const REMEMBERED_MAX = 1024; // an older event that came again would be taken for new

export class Repeats {
    constructor() {
        /** @type {string[]} */
        this.seen = [];
        /** @type {string | null} */
        this.lastEventId = null;
        this.isReplaying = false;
    }

    /** Another socket goes on where the last one broke. */
    expect() {
        this.isReplaying = true;
    }

    /**
     * Whether the event has come before; if not, it is remembered. Ids alone do not tell, since an engine may
     * count them anew: what is sent again is sent first.
     *
     * @param {any} event
     */
    isRepeat(event) {
        if (typeof event.event_id !== 'string') return false;
        const name = `${event.event_id} ${event.type}`;
        if (this.isReplaying && this.seen.includes(name)) return true;
        this.isReplaying &&= event.type === 'session.created';
        this.lastEventId = event.event_id;
        this.seen.push(name);
        if (this.seen.length > REMEMBERED_MAX) this.seen.shift();
        return false;
    }
}
