-- Write a session's running totals; what they grew by goes to the team's live counter.
-- All amounts are absolute and in millionths, so that a repeat changes nothing.
-- KEYS: session usage, team quota, fence.
-- ARGV: fencing token, booking number, audio, text, audio in flight, settled audio, settled text,
--       usage (JSON).
-- Returns {audio left, text left, audio limit, text limit}, or {} while the team's limits are unknown here.
local token, number = tonumber(ARGV[1]), tonumber(ARGV[2])
if tonumber(redis.call('GET', KEYS[3]) or '0') > token then
  return redis.error_reply('FENCED')
end

local function int(value)
  return string.format('%.0f', value)
end

local was = redis.call('HMGET', KEYS[1], 'token', 'number', 'settled_audio', 'settled_text',
  'counted_audio', 'counted_text')
local was_token, was_number = tonumber(was[1] or '0'), tonumber(was[2] or '0')
if token > was_token or (token == was_token and number > was_number) then
  local settled_audio = math.max(tonumber(was[3] or '0'), tonumber(ARGV[6]))
  local settled_text = math.max(tonumber(was[4] or '0'), tonumber(ARGV[7]))
  local counted_audio = tonumber(ARGV[3]) + tonumber(ARGV[5]) - settled_audio
  local counted_text = tonumber(ARGV[4]) - settled_text
  redis.call('HSET', KEYS[1], 'token', ARGV[1], 'number', ARGV[2], 'audio', ARGV[3],
    'text', ARGV[4], 'in_flight', ARGV[5], 'usage', ARGV[8],
    'settled_audio', int(settled_audio), 'settled_text', int(settled_text),
    'counted_audio', int(counted_audio), 'counted_text', int(counted_text))
  if token > was_token then
    -- The sweeper may have let it expire before its client came back.
    redis.call('PERSIST', KEYS[1])
  end
  redis.call('HINCRBY', KEYS[2], 'live_audio', int(counted_audio - tonumber(was[5] or '0')))
  redis.call('HINCRBY', KEYS[2], 'live_text', int(counted_text - tonumber(was[6] or '0')))
end

local team = redis.call('HMGET', KEYS[2], 'limit_audio', 'used_audio', 'live_audio',
  'limit_text', 'used_text', 'live_text')
if not team[1] then
  return {}
end
return {
  tonumber(team[1]) - tonumber(team[2]) - tonumber(team[3] or '0'),
  tonumber(team[4]) - tonumber(team[5]) - tonumber(team[6] or '0'),
  tonumber(team[1]),
  tonumber(team[4]),
}
