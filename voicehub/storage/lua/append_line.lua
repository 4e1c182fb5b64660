-- Keep one transcript line. The entry's id is its sequence number, so a repeat is refused.
-- KEYS: lines, fence.  ARGV: fencing token, sequence number, line (JSON).  Returns 1, or 0 for a repeat.
local fence = tonumber(redis.call('GET', KEYS[2]) or '0')
if fence > tonumber(ARGV[1]) then
  return redis.error_reply('FENCED')
end
local added = redis.pcall('XADD', KEYS[1], ARGV[2] .. '-1', 'line', ARGV[3])
if type(added) == 'table' and added.err then
  if string.find(added.err, 'equal or smaller', 1, true) then
    return 0
  end
  return added
end
-- Who ended it, or lost it to another, may have let it expire: it goes on.
redis.call('PERSIST', KEYS[1])
return 1
