-- Tell the team's counters of its plan and of what its period used, as Postgres has them.
-- KEYS: team quota.  ARGV: period, audio limit, text limit, used audio, used text (millionths).
-- A reading of the same period may be older than a settlement: the greater use is the truer one.
-- Returns {audio left, text left}.
local used_audio, used_text = tonumber(ARGV[4]), tonumber(ARGV[5])
local team = redis.call('HMGET', KEYS[1], 'period', 'used_audio', 'used_text', 'live_audio',
  'live_text')
if team[1] == ARGV[1] then
  used_audio = math.max(used_audio, tonumber(team[2]))
  used_text = math.max(used_text, tonumber(team[3]))
end
redis.call('HSET', KEYS[1], 'period', ARGV[1], 'limit_audio', ARGV[2], 'limit_text', ARGV[3],
  'used_audio', string.format('%.0f', used_audio), 'used_text', string.format('%.0f', used_text))
return {
  tonumber(ARGV[2]) - used_audio - tonumber(team[4] or '0'),
  tonumber(ARGV[3]) - used_text - tonumber(team[5] or '0'),
}
