import assert from 'node:assert/strict';
import { test } from 'node:test';

import { amount, clock, day, when } from '../../../../voicehub/console/static/parts.js';

test('a clock has minutes and seconds, and hours where there are some', () => {
    const shown = [0, 999, 1000, 59_999, 60_000, 75_000, 3_599_999, 3_600_000, 3_661_000, 86_400_000].map(clock);
    assert.deepEqual(shown, ['0:00', '0:00', '0:01', '0:59', '1:00', '1:15', '59:59', '1:00:00', '1:01:01', '24:00:00']);
});

test('a clock knows no time before zero', () => {
    assert.equal(clock(-1), '0:00');
});

test('an amount has one decimal at most, and its thousands apart', () => {
    assert.equal(amount(0), '0');
    assert.equal(amount(12.34), new Intl.NumberFormat().format(12.3));
    assert.equal(amount(1_234_567), new Intl.NumberFormat().format(1_234_567));
});

test('what never was has no time', () => {
    assert.equal(when(null), '–');
    assert.equal(day(null), '–');
    assert.match(day('2026-11-23T10:00:00Z'), /2026/);
});
