-- Keep a new sign-in of a user. What has expired goes, and the oldest beyond the limit.
-- KEYS: the user's sign-ins (a hash, JSON by family).
-- ARGV: family, hash of the secret, mark, now ms, expires at ms, sign-ins at most.
-- Returns 1.
local now = tonumber(ARGV[4])
local last = tonumber(ARGV[5])
local kept = {}
local entries = redis.call('HGETALL', KEYS[1])
for place = 1, #entries, 2 do
  local family, ends = entries[place], cjson.decode(entries[place + 1]).expires_at_ms
  if ends <= now then
    redis.call('HDEL', KEYS[1], family)
  elseif family ~= ARGV[1] then
    table.insert(kept, {family, ends})
    last = math.max(last, ends)
  end
end
table.sort(kept, function(one, other) return one[2] < other[2] end)
for place = 1, #kept + 1 - tonumber(ARGV[6]) do
  redis.call('HDEL', KEYS[1], kept[place][1])
end
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode({
  secret = ARGV[2], mark = ARGV[3], expires_at_ms = tonumber(ARGV[5]),
}))
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', last))
return 1
