// Listens along in a page: when each side sounds, and when each event of a socket comes. It changes nothing.

const LOUD = 0.004; // as the page's own meter has it
const LOOK_MS = 10;

window.ears = { /** @type {[string, number][]} */ events: [], /** @type {any} */ mine: [], /** @type {any} */ agents: [] };

/** @param {AudioNode} node @param {number[][]} sounds since when and until when it was loud, in turn */
function overhear(node, sounds) {
    const ear = node.context.createAnalyser();
    ear.fftSize = 512;
    connect.call(node, ear);
    const samples = new Float32Array(ear.fftSize);
    setInterval(() => {
        ear.getFloatTimeDomainData(samples);
        if (node.context.state !== 'running' || !samples.some((sample) => Math.abs(sample) > LOUD)) return;
        const [now, last] = [performance.now(), sounds.at(-1)];
        if (last && now - last[1] < 300) last[1] = now;
        else sounds.push([now, now]);
    }, LOOK_MS);
}

const { connect } = AudioNode.prototype;
AudioNode.prototype.connect = function (/** @type {any[]} */ ...where) {
    if (this instanceof MediaStreamAudioSourceNode) overhear(this, window.ears.mine);
    else if (where[0] === this.context.destination) overhear(this, window.ears.agents);
    return connect.apply(this, where);
};

window.WebSocket = class extends WebSocket {
    constructor(/** @type {[any, any]} */ ...where) {
        super(...where);
        this.addEventListener('message', ({ data }) => {
            if (typeof data === 'string') window.ears.events.push([JSON.parse(data).type, performance.now()]);
        });
    }
};
