-- Give the lease back, unless a newer owner has it.  KEYS: lease, fence.  ARGV: fencing token.
-- Returns 1 when it was given back.
if tonumber(redis.call('GET', KEYS[2]) or '0') > tonumber(ARGV[1]) then
  return 0
end
return redis.call('DEL', KEYS[1])
