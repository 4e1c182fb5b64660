// Signing in with Google by going there and coming back (OpenID Connect's implicit flow): nothing of theirs is loaded here.

/** What was asked, while the page is away: no secret of anybody, and worth nothing without Google's answer to it. */
const KEPT = 'voicehub.google';
const REFUSED = {
    access_denied: 'You did not sign in with Google.',
    interaction_required: 'Google wants you to sign in there first. Try again.',
};

/** @param {{client_id: string, authorization_url: string}} google as `GET /v1/auth/methods` tells it */
export function goToGoogle({ client_id, authorization_url }) {
    const question = { nonce: random(), state: random(), place: location.hash || '#/talk' };
    sessionStorage.setItem(KEPT, JSON.stringify(question));
    const url = new URL(authorization_url);
    const asked = {
        client_id,
        redirect_uri: location.origin + location.pathname,
        response_type: 'id_token',
        scope: 'openid email',
        nonce: question.nonce,
        state: question.state,
        prompt: 'select_account',
    };
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
    location.assign(url);
}

/**
 * What Google answered, if it is the answer to what this page asked: `state` keeps out answers that others got.
 *
 * @param {URLSearchParams} answer
 * @returns {{proof: {id_token: string, nonce: string} | null, error: Error | null, place: string}}
 */
export function readAnswer(answer) {
    const question = JSON.parse(sessionStorage.getItem(KEPT) ?? 'null');
    forgetQuestion();
    const place = question?.place ?? '#/talk';
    const idToken = answer.get('id_token');
    if (!question || question.state !== answer.get('state')) {
        return { proof: null, error: new Error('That was no answer to a question of this page. Sign in again.'), place };
    }
    if (!idToken) return { proof: null, error: new Error(refusal(answer.get('error'))), place };
    return { proof: { id_token: idToken, nonce: question.nonce }, error: null, place };
}

export function forgetQuestion() {
    sessionStorage.removeItem(KEPT);
}

/** @param {string | null} code */
function refusal(code) {
    return REFUSED[/** @type {keyof typeof REFUSED} */ (code)] ?? `Google could not sign you in (${code}). Try again, or use your password.`;
}

function random() {
    return Array.from(crypto.getRandomValues(new Uint8Array(18)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
