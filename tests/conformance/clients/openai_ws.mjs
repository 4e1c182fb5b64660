// npm `openai`: OpenAIRealtimeWS, over the package `ws`.

import { OpenAIRealtimeWS } from 'openai/realtime/ws';

import { run } from './caller.mjs';
import { converse } from './conversation.mjs';

await run((config) => converse(config, OpenAIRealtimeWS));
