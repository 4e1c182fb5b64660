// npm `openai`: OpenAIRealtimeWebSocket, the browser's class, over the global WebSocket.

import { OpenAIRealtimeWebSocket } from 'openai/realtime/websocket';

import { run } from './caller.mjs';
import { converse } from './conversation.mjs';

await run((config) => converse(config, OpenAIRealtimeWebSocket));
