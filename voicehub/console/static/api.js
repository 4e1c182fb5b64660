// The REST API as the console uses it: what it does, everybody may do.

/** What the server refused, in its own words. */
export class ApiError extends Error {
    /**
     * @param {number} status 0 where no answer came
     * @param {any} problem RFC 9457's members, or OpenAI's `error`
     */
    constructor(status, problem) {
        super(problem.detail ?? problem.error?.message ?? 'The server could not be reached.');
        this.status = status;
        this.code = problem.code ?? problem.error?.code ?? 'unreachable';
        /** @type {{pointer?: string, detail: string}[]} */
        this.faults = problem.errors ?? [];
        this.problem = problem;
    }

    /**
     * What is wrong with one field of a form, or nothing.
     *
     * @param {string} name
     */
    of(name) {
        const fault = this.faults.find((each) => each.pointer === `#/${name}`);
        return fault?.detail ?? (this.problem.param === name ? this.message : undefined);
    }
}

/** What answers with the cookie, or reads it: nothing else is sent one. */
const COOKIE_PATHS = /^\/v1\/(auth\/|me\/password$)/;

export class Api {
    /** @param {(why: string | null) => void} signedOut the server knows us no more, or we have left */
    constructor(signedOut) {
        this.signedOut = signedOut;
        /** @type {string | null} the access token; it lives in this page's memory alone */
        this.token = null;
        /** @type {number | null} */
        this.userId = null;
        /** @type {Promise<boolean> | null} */
        this.refreshing = null;
        /** All tabs have one cookie: what one does to it, the others are told. */
        this.tabs = new BroadcastChannel('voicehub');
        this.tabs.onmessage = ({ data }) => this.hear(data);
    }

    /**
     * @param {string} path
     * @param {Record<string, unknown>} [query] what is empty is left out
     * @returns {Promise<any>}
     */
    async get(path, query = {}) {
        return (await this.ask('GET', path + queryOf(query))).body;
    }

    /**
     * A resource and the tag of its state, for `patch`.
     *
     * @param {string} path
     * @returns {Promise<{body: any, etag: string | null}>}
     */
    async tagged(path) {
        return this.ask('GET', path);
    }

    /**
     * @param {string} path
     * @param {object} [body]
     * @param {Record<string, string>} [headers]
     * @returns {Promise<any>}
     */
    async post(path, body, headers = {}) {
        return (await this.ask('POST', path, body, headers)).body;
    }

    /**
     * Create something once, however often the button is pressed or the network fails.
     *
     * @param {string} path
     * @param {object} body
     * @param {string} key
     */
    async create(path, body, key) {
        return this.post(path, body, { 'Idempotency-Key': key });
    }

    /**
     * @param {string} path
     * @param {object} body
     * @param {string | null} etag of the state that was read: a newer one is refused with 412
     * @returns {Promise<{body: any, etag: string | null}>}
     */
    async patch(path, body, etag) {
        return this.ask('PATCH', path, body, etag ? { 'If-Match': etag } : {});
    }

    /**
     * @param {string} path
     * @returns {Promise<void>}
     */
    async remove(path) {
        await this.ask('DELETE', path);
    }

    /**
     * A file, under the name that the server gives it.
     *
     * @param {string} path
     * @returns {Promise<{name: string, content: Blob}>}
     */
    async download(path) {
        const response = await this.answer('GET', path);
        const name = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '')?.[1];
        return { name: name ?? 'download', content: await response.blob() };
    }

    /**
     * @param {string} method
     * @param {string} path
     * @param {object} [body]
     * @param {Record<string, string>} [headers]
     * @returns {Promise<{body: any, etag: string | null}>}
     */
    async ask(method, path, body, headers = {}) {
        const response = await this.answer(method, path, body, headers);
        return { body: await contentOf(response), etag: response.headers.get('ETag') };
    }

    /**
     * @param {string} method
     * @param {string} path
     * @param {object} [body]
     * @param {Record<string, string>} [headers]
     * @returns {Promise<Response>} of a success; everything else is an ApiError
     */
    async answer(method, path, body, headers) {
        let response = await this.fetch(method, path, body, headers);
        if (response.status === 401 && this.token && (await this.refresh())) {
            response = await this.fetch(method, path, body, headers);
        }
        if (!response.ok) throw new ApiError(response.status, (await contentOf(response)) || {});
        return response;
    }

    /**
     * Sign in; the refresh token goes into a cookie that no script can read.
     *
     * @param {string} path
     * @param {object} proof
     */
    async signIn(path, proof) {
        const { body } = await this.ask('POST', path, { ...proof, refresh_in: 'cookie' });
        this.token = body.access_token;
        this.userId = body.user.id;
        this.tabs.postMessage({ signedIn: this.userId });
    }

    /** Whether somebody is signed in still, by the cookie. */
    async refresh() {
        this.refreshing ??= this.renew().finally(() => {
            this.refreshing = null;
        });
        return this.refreshing;
    }

    async renew() {
        const response = await this.fetch('POST', '/v1/auth/refresh', {});
        if (response.ok) {
            const { access_token, user } = await response.json();
            if (this.userId !== null && this.userId !== user.id) {
                // It is another's cookie by now: nobody goes on as somebody else.
                location.reload();
                return false;
            }
            this.token = access_token;
            this.userId = user.id;
        } else if (response.status < 500 && this.token) {
            this.forget('Your sign-in has ended. Sign in again; if that fails, your account is gone or has another password.');
        }
        return response.ok;
    }

    async signOut() {
        const response = await this.fetch('POST', '/v1/auth/logout', {});
        if (!response.ok) throw new ApiError(response.status, (await contentOf(response)) || {});
        this.tabs.postMessage({ signedOut: true });
        this.forget(null);
    }

    /** @param {string | null} why */
    forget(why) {
        this.drop();
        this.signedOut(why);
    }

    /** Go on as nobody; the cookie stays. */
    drop() {
        this.token = null;
        this.userId = null;
    }

    /** What another tab has done. @param {{signedIn?: number, signedOut?: boolean}} told */
    hear({ signedIn, signedOut }) {
        if (this.userId === null) return;
        if (signedOut) this.forget('You signed out in another tab.');
        else if (signedIn !== this.userId) location.reload();
    }

    /**
     * @param {string} method
     * @param {string} path
     * @param {object} [body]
     * @param {Record<string, string>} [headers]
     * @returns {Promise<Response>}
     */
    async fetch(method, path, body, headers = {}) {
        /** @type {Record<string, string>} */
        const all = { ...headers };
        if (this.token) all.Authorization = `Bearer ${this.token}`;
        if (body !== undefined) all['Content-Type'] = 'application/json';
        try {
            return await fetch(path, {
                method,
                headers: all,
                body: body === undefined ? undefined : JSON.stringify(body),
                credentials: COOKIE_PATHS.test(path) ? 'same-origin' : 'omit',
                cache: 'no-store',
            });
        } catch {
            throw new ApiError(0, {});
        }
    }
}

/**
 * @param {Response} response
 * @returns {Promise<any>}
 */
async function contentOf(response) {
    const text = await response.text();
    return text && response.headers.get('Content-Type')?.includes('json') ? JSON.parse(text) : text;
}

/** @param {Record<string, unknown>} query */
function queryOf(query) {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
        if (value !== undefined && value !== null && value !== '') parameters.set(name, String(value));
    }
    return parameters.size ? `?${parameters}` : '';
}
