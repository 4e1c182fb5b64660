-- Exchange a sign-in's secret for its successor. A secret that was exchanged before ends the sign-in;
-- the last one may come again for a moment, and gets the same successor.
-- KEYS: the user's sign-ins.
-- ARGV: family, hash of the secret, mark, now ms, salt and hash of a successor,
--       how long a repeat is answered (ms).
-- Returns {what happened, salt of the successor, expires at ms}.
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known then
  return {'unknown', '', 0}
end
local one, now = cjson.decode(known), tonumber(ARGV[4])
local function over(why)
  redis.call('HDEL', KEYS[1], ARGV[1])
  return {why, '', 0}
end
if one.expires_at_ms <= now then
  return over('expired')
end
if one.mark ~= ARGV[3] then
  return over('user_changed')
end
if one.secret == ARGV[2] then
  one.former, one.secret, one.salt, one.rotated_at_ms = ARGV[2], ARGV[6], ARGV[5], now
  redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(one))
elseif one.former ~= ARGV[2] or now - one.rotated_at_ms > tonumber(ARGV[7]) then
  return over('reused')
end
return {'rotated', one.salt, one.expires_at_ms}
