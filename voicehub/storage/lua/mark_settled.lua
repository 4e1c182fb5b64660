-- What Postgres has settled leaves the team's live counter and joins what its period used.
-- KEYS: session usage, team quota.
-- ARGV: settled audio, settled text, period, used audio, used text, ms to keep the usage of a session
--       that has ended, or 0.
-- Amounts are absolute and in millionths. Postgres may know more than Redis, when that was away.
-- Returns 1.
local function int(value)
  return string.format('%.0f', value)
end

local was = redis.call('HMGET', KEYS[1], 'settled_audio', 'settled_text', 'audio', 'text',
  'in_flight', 'counted_audio', 'counted_text')
if was[3] then
  local settled_audio = math.max(tonumber(was[1] or '0'), tonumber(ARGV[1]))
  local settled_text = math.max(tonumber(was[2] or '0'), tonumber(ARGV[2]))
  local in_flight = ARGV[6] == '0' and tonumber(was[5]) or 0
  local counted_audio = math.max(tonumber(was[3]) - settled_audio, 0) + in_flight
  local counted_text = math.max(tonumber(was[4]) - settled_text, 0)
  redis.call('HSET', KEYS[1], 'in_flight', int(in_flight), 'settled_audio', int(settled_audio),
    'settled_text', int(settled_text), 'counted_audio', int(counted_audio),
    'counted_text', int(counted_text))
  redis.call('HINCRBY', KEYS[2], 'live_audio', int(counted_audio - tonumber(was[6] or '0')))
  redis.call('HINCRBY', KEYS[2], 'live_text', int(counted_text - tonumber(was[7] or '0')))
  if ARGV[6] ~= '0' then
    redis.call('PEXPIRE', KEYS[1], ARGV[6])
  end
end
local team = redis.call('HMGET', KEYS[2], 'period', 'used_audio', 'used_text')
if team[1] == ARGV[3] then
  redis.call('HSET', KEYS[2],
    'used_audio', int(math.max(tonumber(team[2]), tonumber(ARGV[4]))),
    'used_text', int(math.max(tonumber(team[3]), tonumber(ARGV[5]))))
end
return 1
