-- Give the lease back, unless a newer owner has it: now, or once its client had time to come back.
-- KEYS: lease, fence.  ARGV: fencing token, grace ms or 0.  Returns 1 when it was given back.
if tonumber(redis.call('GET', KEYS[2]) or '0') > tonumber(ARGV[1]) then
  return 0
end
if ARGV[2] ~= '0' then
  redis.call('SET', KEYS[1], ARGV[1] .. ' nobody', 'PX', ARGV[2])
  return 1
end
return redis.call('DEL', KEYS[1])
