// Light or dark: the system's choice, or one of this browser, which is no secret.

const KEPT = 'voicehub.theme';

/** @returns {'' | 'light' | 'dark'} the empty one is the system's */
export function chosenTheme() {
    const kept = localStorage.getItem(KEPT);
    return kept === 'light' || kept === 'dark' ? kept : '';
}

/** @param {'' | 'light' | 'dark'} theme */
export function chooseTheme(theme) {
    if (theme) localStorage.setItem(KEPT, theme);
    else localStorage.removeItem(KEPT);
    applyTheme();
}

export function applyTheme() {
    const theme = chosenTheme();
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
}

export function turnTheme() {
    const isDark = (chosenTheme() || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
    chooseTheme(isDark ? 'light' : 'dark');
}
